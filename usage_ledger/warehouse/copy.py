"""Copies Arrow rows into PostgreSQL as CSV, a batch at a time."""

import io
from collections.abc import Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from decimal import Decimal
from typing import IO, cast

import psycopg2
import pyarrow as pa
import pyarrow.csv
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.contracts.odcs import Contract
from usage_ledger.core import crash
from usage_ledger.storage.staged import StagedRows

BATCH = 4096
"""Rows of CSV at a time: few, so that the server reads one batch while the next is written."""


def constants(table: Contract, rows: pa.Table | StagedRows) -> dict[str, str | None]:
    """Columns that need not be sent row by row: about half of a load's are the same in all of them."""
    if isinstance(rows, pa.Table):
        return {}
    return {
        name: None if value is None else str(value)
        for name, value in rows.constants.items()
        if name not in table.primary_key and isinstance(value, str | Decimal | None)
    }


def copy_rows(cursor: Cursor, copy: str, rows: pa.Table | StagedRows, columns: list[str]) -> None:
    """`COPY … FROM STDIN (FORMAT csv)` of Arrow batches, two in memory at a time: one is made while the server reads.

    Raises what reading them raises.
    """
    with ThreadPoolExecutor(1, "csv") as making:
        source = Csv(rows, columns, making)
        try:
            cursor.copy_expert(copy, crash.within("load", cast(IO[bytes], source)))
        except psycopg2.Error:
            if source.failure is not None:
                raise source.failure from None
            raise


class Csv:
    """Arrow batches as a file of CSV without a header: null is nothing, an empty text is quoted."""

    def __init__(self, rows: pa.Table | StagedRows, columns: list[str], making: Executor) -> None:
        tables = [rows.select(columns)] if isinstance(rows, pa.Table) else rows.tables(columns)
        # Arrow writes what happens to lie in memory for a batch without rows.
        self._batches = (
            batch for table in tables for batch in _timestamps_as_text(table).to_batches(BATCH) if batch.num_rows
        )
        self._making = making
        self._next = making.submit(self._encode_next)
        self._text = io.BytesIO()
        self.failure: Exception | None = None
        """What kept the batches from being read; the driver tells of it in words only."""

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; nothing at the end."""
        while not (chunk := self._text.read(size)):
            try:
                text = self._next.result()
            except Exception as error:
                self.failure = error
                raise
            if text is None:
                return b""
            self._text, self._next = text, self._making.submit(self._encode_next)
        return chunk

    def _encode_next(self) -> io.BytesIO | None:
        """The text of the next batch; None after the last."""
        batch = next(self._batches, None)
        if batch is None:
            return None
        text = io.BytesIO()
        pa.csv.write_csv(batch, text, pa.csv.WriteOptions(include_header=False))
        text.seek(0)
        return text


def _timestamps_as_text(table: pa.Table) -> pa.Table:
    """The table with its instants as text, each distinct one made once: a load has few, and they are slow to write."""
    for number, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            encoded = table.column(number).combine_chunks().dictionary_encode()
            text = pa.DictionaryArray.from_arrays(encoded.indices, encoded.dictionary.cast(pa.string()))
            table = table.set_column(number, field.name, text.cast(pa.string()))
    return table


def rows_have(rows: pa.Table | StagedRows, names: Iterable[str]) -> set[str]:
    """The columns that are not null throughout."""
    if isinstance(rows, pa.Table):
        return {name for name in names if rows.column(name).null_count < rows.num_rows}
    alike = rows.constants
    return {name for name in names if rows.num_rows and alike.get(name, "") is not None}
