"""Copies Arrow rows into PostgreSQL, a batch at a time: as binary where its encoder is installed, else as CSV."""

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import chain
from typing import IO, Literal, cast

import psycopg2
import pyarrow as pa
import pyarrow.csv
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.contracts.odcs import Contract
from usage_ledger.core import crash
from usage_ledger.core.ahead import Ahead
from usage_ledger.storage.staged import StagedRows
from usage_ledger.warehouse.sql import copy_of

try:
    import pgpq
except ImportError:  # of a platform that it has no wheel for
    pgpq = None  # type: ignore[assignment]

BATCH = 4096
"""Rows at a time: few, so that the server reads one batch while the next is written."""
CHUNK = 256 * 1024
"""Bytes that the driver takes at a time."""
HEADER, END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
"""What rows in binary form come between."""
FORM: Literal["binary", "csv"] = "binary" if pgpq else "csv"


def constants(rows: StagedRows) -> dict[str, str | None]:
    """Columns that need not be sent row by row: about half of a load's are the same in all of them."""
    return {
        name: None if value is None else str(value)
        for name, value in rows.constants.items()
        if isinstance(value, str | Decimal | None)
    }


def copy_rows(
    cursor: Cursor, table: Contract, rows: StagedRows, columns: list[str], *, into: Literal["stage", "table"]
) -> None:
    """Copy these columns, if there are any rows. Raises what reading them raises."""
    if not rows.num_rows:
        return
    statement = copy_of(table, columns, into=into, form=FORM)
    batches = batches_of(rows, columns)
    _copy(cursor, statement, as_binary(batches, uuids_of(table)) if FORM == "binary" else as_csv(batches))


def stage_encoded(cursor: Cursor, table: Contract, rows: list[bytes], columns: list[str]) -> None:
    """Copy rows that are in binary form into the stage."""
    statement = copy_of(table, columns, into="stage", form="binary")
    _copy(cursor, statement, iter([b"".join([HEADER, *rows, END])]))


def uuids_of(table: Contract) -> list[str]:
    """The columns that hold uuids."""
    return [column.name for column in table.columns if column.type == "uuid"]


def copy_csv(cursor: Cursor, statement: sql.Composable, rows: pa.Table) -> None:
    """`COPY … FROM STDIN (FORMAT csv)` of all columns. Raises what reading them raises."""
    _copy(cursor, statement, as_csv(iter(rows.to_batches(BATCH))))


def _copy(cursor: Cursor, statement: sql.Composable, parts: Iterator[bytes]) -> None:
    with ThreadPoolExecutor(1, "copy") as thread:
        source = Source(Ahead(parts, thread))
        try:
            cursor.copy_expert(statement.as_string(cursor), crash.within("load", cast(IO[bytes], source)), CHUNK)
        except psycopg2.Error:
            if source.failure is not None:
                raise source.failure from None
            raise


class Source:
    """Parts as a file."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._part = io.BytesIO()
        self.failure: Exception | None = None
        """What kept the rows from being read; the driver tells of it in words only."""

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; nothing at the end."""
        while not (chunk := self._part.read(size)):
            try:
                part = next(self._parts, None)
            except Exception as error:
                self.failure = error
                raise
            if part is None:
                return b""
            self._part = io.BytesIO(part)
        return chunk


def batches_of(rows: StagedRows, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Some columns of the rows, a batch at a time. Raises what reading them raises."""
    # Arrow writes what happens to lie in memory for a batch without rows.
    for table in rows.tables(columns):
        yield from (batch for batch in table.to_batches(BATCH) if batch.num_rows)


def as_csv(batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    """CSV without a header: null is nothing, an empty text is quoted."""
    for batch in batches:
        text = io.BytesIO()
        pa.csv.write_csv(_timestamps_as_text(batch), text, pa.csv.WriteOptions(include_header=False))
        yield text.getvalue()


def _timestamps_as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its instants as text, each distinct one made once: a load has few, and they are slow to write."""
    for number, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type):
            encoded = batch.column(number).dictionary_encode()
            text = pa.DictionaryArray.from_arrays(encoded.indices, encoded.dictionary.cast(pa.string()))
            batch = batch.set_column(number, field.name, text.cast(pa.string()))
    return batch


def as_binary(batches: Iterator[pa.RecordBatch], uuids: Iterable[str]) -> Iterator[bytes]:
    """PostgreSQL's binary form; `uuids` are 32 hexadecimal digits. The encoder collects what is small."""
    first = _with_uuids(next(batches), uuids)
    encoder = pgpq.ArrowToPostgresBinaryEncoder(first.schema)
    yield encoder.write_header()
    for batch in chain([first], (_with_uuids(one, uuids) for one in batches)):
        if part := encoder.write_batch(batch):
            yield part
    yield encoder.finish()


def _with_uuids(batch: pa.RecordBatch, names: Iterable[str]) -> pa.RecordBatch:
    """The batch with uuids, which come as 32 hexadecimal digits, as their 16 bytes."""
    for name in names:
        number = batch.schema.get_field_index(name)
        if number >= 0:
            digits = bytes.fromhex("".join(batch.column(number).to_pylist()))
            offsets = pa.array(range(0, 16 * batch.num_rows + 1, 16), pa.int32())
            buffers = [None, offsets.buffers()[1], pa.py_buffer(digits)]
            batch = batch.set_column(number, name, pa.Array.from_buffers(pa.binary(), batch.num_rows, buffers))
    return batch


def rows_have(rows: StagedRows, names: Iterable[str]) -> set[str]:
    """The columns that are not null throughout."""
    alike = rows.constants
    return {name for name in names if rows.num_rows and alike.get(name, "") is not None}
