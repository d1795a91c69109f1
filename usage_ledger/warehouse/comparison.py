"""Compares new rows with the ledger's before any is staged: a look-back reads settled days again, mostly unchanged.

Both sides come in PostgreSQL's own binary form and in the order of their keys, and are compared in every column. Only
rows that the ledger does not have so are staged.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import IO, Any, cast
from uuid import UUID

import pyarrow as pa
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.contracts.odcs import Contract
from usage_ledger.core.ahead import Ahead
from usage_ledger.storage.staged import StagedRows
from usage_ledger.warehouse import copy
from usage_ledger.warehouse.incoming import Incoming
from usage_ledger.warehouse.sql import copy_out

MANY = 8 * 2**20
"""Bytes of differing rows with which all rows are staged instead."""
OF_EACH = 200
"""Bytes that a row or a key takes beside its text."""
BOOLEAN = 5
"""Bytes of a field that is true or false: its size and one more."""
EPOCH = date(2000, 1, 1)
"""PostgreSQL's first day."""
Key = tuple[date, str]


@dataclass
class Differences:
    """What of some rows the ledger does not have, and what it has beside them."""

    columns: list[str]
    rows: list[bytes] = field(default_factory=list)
    """New rows, and rows of other content, as `COPY` sends these columns."""
    gone: list[Key] = field(default_factory=list)
    """The keys that the ledger alone has."""

    def __bool__(self) -> bool:
        return bool(self.rows or self.gone)


def values_of(differences: Differences | None) -> dict[str, Any]:
    """What statements bind: whether all new rows are staged, else the keys that the ledger alone has."""
    gone = differences.gone if differences else []
    return {
        "all_staged": differences is None,
        "gone_dates": [day for day, _ in gone],
        "gone_keys": [row_key for _, row_key in gone],
    }


def compare(cursor: Cursor, incoming: Incoming, table: Contract) -> Differences | None:
    """How a table's new rows differ from the ledger's in the window. None where they must be staged to tell.

    Raises what reading the rows raises.
    """
    rows = incoming.tables[table.table]
    own = {"connection_id", "report", "load_id"}
    if copy.FORM == "csv" or not _are_in_order(rows) or (rows.num_rows and not own <= copy.constants(rows).keys()):
        return None
    keys = ["usage_date", "row_key"]
    content = [name for name in table.names() if name not in (*own, *keys)]
    alike = {name: value for name, value in copy.constants(rows).items() if name in content}
    columns = keys + [name for name in content if name not in alike]
    statement = cursor.mogrify(copy_out(table, columns, alike), incoming.values | alike)  # COPY takes no parameters
    # Of some reports rows decide together what becomes of some: they are equal, or all are staged.
    decides_by_all = incoming.staged.scope is not None or incoming.yields_to or incoming.yielding
    with ThreadPoolExecutor(1, "encode") as thread:
        parts = Ahead(_parts(rows, columns, table), thread)
        merge = _Merge(parts, Differences(columns), limit=0 if decides_by_all else MANY)
        cursor.copy_expert(statement, cast(IO[bytes], merge))
        return merge.end()


def _are_in_order(rows: StagedRows) -> bool:
    """Whether each row group begins after the one before it ends: within itself each is in the order of its keys."""
    bounds = []
    for group in rows.tables(["usage_date", "row_key"]):
        ends = group.take([0, group.num_rows - 1]) if group.num_rows else group
        bounds += [(*row.values(),) for row in ends.to_pylist()]
    return bounds == sorted(bounds)


def _parts(rows: StagedRows, columns: list[str], table: Contract) -> Iterator[bytes]:
    """The rows as the ledger's come: these columns, and that the others are not different."""
    if not rows.num_rows:
        return iter([copy.HEADER, copy.END])
    batches = (
        batch.append_column("differs", pa.repeat(pa.scalar(False), batch.num_rows))
        for batch in copy.batches_of(rows, columns)
    )
    return copy.as_binary(batches, copy.uuids_of(table))


class _Merge:
    """The file to which the ledger's rows are written, each at once, while the new ones come as one text."""

    def __init__(self, parts: Iterator[bytes], differences: Differences, limit: int) -> None:
        self._parts, self._differences, self._limit = parts, differences, limit
        self._held, self._at = next(parts).removeprefix(copy.HEADER), 0
        self._size = 0

    def write(self, row: bytes) -> None:
        """Take the ledger's next row."""
        row = row.removeprefix(copy.HEADER)
        if row == copy.END:
            return
        while self._size <= self._limit and not self._is_next(row):
            new = self._next()
            if not new or _key(row) < _key(new):
                self._differences.gone.append(_key(row))
                self._size += len(row) + OF_EACH
                return
            self._take(new)
            if _key(row) == _key(new):
                return

    def end(self) -> Differences | None:
        """What differs, once all rows are written; None where that is too much to hold."""
        while self._size <= self._limit and (new := self._next()):
            self._take(new)
        return self._differences if self._size <= self._limit else None

    def _is_next(self, row: bytes) -> bool:
        """Whether this row is the next new one too, which is then passed."""
        self._hold(len(row))
        same = self._held.startswith(row, self._at)
        if same:
            self._at += len(row)
        return same

    def _next(self) -> bytes:
        """The next new row; empty at the end."""
        self._hold(2)
        fields = int.from_bytes(self._held[self._at : self._at + 2], "big", signed=True)
        size = 2
        for _ in range(fields):
            self._hold(size + 4)
            place = self._at + size
            size += 4 + max(0, int.from_bytes(self._held[place : place + 4], "big", signed=True))
        self._hold(size)
        return self._held[self._at : self._at + size] if fields > 0 else b""

    def _take(self, new: bytes) -> None:
        row = len(self._differences.columns).to_bytes(2, "big") + new[2:-BOOLEAN]  # as the stage has it
        self._differences.rows.append(row)
        self._size += len(new) + OF_EACH
        self._at += len(new)

    def _hold(self, size: int) -> None:
        """Hold so many bytes, unless fewer are left."""
        while len(self._held) - self._at < size and (part := next(self._parts, b"")):
            self._held, self._at = self._held[self._at :] + part, 0


def _key(row: bytes) -> Key:
    """Its date and row key: a row begins with the number of its fields, and each of them with its size."""
    days = int.from_bytes(row[6:10], "big", signed=True)
    return EPOCH + timedelta(days), str(UUID(bytes=row[14:30]))
