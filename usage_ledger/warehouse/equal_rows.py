"""Whether the ledger holds exactly the staged rows, as it mostly does where a look-back reads settled days again.

Each row is compared, in every column, and none is staged: both sides are hashed in PostgreSQL's own binary form.
"""

import hashlib
from collections.abc import Mapping
from datetime import date
from types import SimpleNamespace
from typing import IO, cast

import pyarrow as pa
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.contracts.odcs import Contract
from usage_ledger.storage.staged import StagedRows
from usage_ledger.warehouse import copy
from usage_ledger.warehouse.incoming import Incoming
from usage_ledger.warehouse.proof import Sums, added, raw_sums
from usage_ledger.warehouse.sql import of_columns, other_than, statement


def has_equal_rows(cursor: Cursor, incoming: Incoming, table: Contract, ledger: Mapping[date, Sums]) -> bool:
    """Whether the ledger has a table's new rows in the window and no others. False where that cannot be told so.

    `table` has the meters alone that either side has, `ledger` the ledger's sums. Raises what reading the rows raises.
    """
    rows = incoming.tables[table.table]
    if copy.FORM == "csv" or isinstance(rows, pa.Table) or added(ledger.values()) != raw_sums(incoming, table):
        return False
    if not rows.num_rows:
        return True
    if not _are_in_order(rows):
        return False
    own = ("connection_id", "report", "load_id")
    content = [name for name in table.names() if name not in own]  # without the meters that neither side has
    alike = {name: value for name, value in copy.constants(rows).items() if name in content}
    cursor.execute(other_than(table, alike), incoming.values | alike)
    if cursor.fetchone() != (False,):
        return False
    columns = [name for name in content if name not in alike]
    cursor.execute(statement("load/set_window"), incoming.values)
    return _hash_of_staged(table, rows, columns) == _hash_of_ledger(cursor, table, columns)


def _are_in_order(rows: StagedRows) -> bool:
    """Whether each row group begins after the one before it ends: within itself each is in the order of its keys."""
    bounds = []
    for group in rows.tables(["usage_date", "row_key"]):
        ends = group.take([0, group.num_rows - 1]) if group.num_rows else group
        bounds += [(*row.values(),) for row in ends.to_pylist()]
    return bounds == sorted(bounds)


def _hash_of_staged(table: Contract, rows: StagedRows, columns: list[str]) -> str:
    digest = hashlib.sha256()
    for part in copy.as_binary(copy.batches_of(rows, columns), copy.uuids_of(table)):
        digest.update(part)
    return digest.hexdigest()


def _hash_of_ledger(cursor: Cursor, table: Contract, columns: list[str]) -> str:
    digest = hashlib.sha256()
    file = cast(IO[bytes], SimpleNamespace(write=digest.update))
    cursor.copy_expert(of_columns("load/copy_out", table, *columns).as_string(cursor), file)
    return digest.hexdigest()
