"""Writes the Parquet of one table, a row group at a time."""

import tempfile
from collections.abc import Sequence
from contextlib import closing
from typing import IO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from usage_ledger.storage.files import AnyPath, write_whole
from usage_ledger.storage.staged import StagedRows, staged_folder

ROW_GROUP = 50_000
"""Approximate number of rows in memory at a time."""
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]
HELD = 16 * 2**20
"""Bytes of Parquet in memory before they spill to a temporary file."""


def dictionary_schema(schema: pa.Schema) -> pa.Schema:
    """The schema with its texts as numbers of a dictionary, but for the key, which hardly repeats."""
    text = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        field.with_type(text) if field.type == pa.string() and field.name != "row_key" else field for field in schema
    )


class TableWriter:
    """Writes one table's Parquet, a row group at a time; nothing is staged before `commit`. Close it after use.

    `order_by`: the columns that each row group is sorted by. The warehouse's index takes rows in its order faster.
    """

    def __init__(self, schema: pa.Schema, order_by: Sequence[str] = ()) -> None:
        self.schema = schema
        self._order_by = [(name, "ascending") for name in order_by]
        self._numbers: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
        self._file = tempfile.SpooledTemporaryFile(max_size=HELD)  # noqa: SIM115  closed by `close`
        self._encoded = dictionary_schema(schema)
        # Read only by the next steps, so compressed for speed. Texts are read as such: Arrow's own schema is left out.
        self._writer = pq.ParquetWriter(
            self._file,
            self._encoded,
            compression="lz4",
            use_dictionary=[field.name for field in self._encoded if pa.types.is_dictionary(field.type)],
            store_schema=False,
            write_page_checksum=True,
        )
        self._waiting: list[pa.Table] = []
        self.rows = 0

    def add(self, rows: pa.Table) -> None:
        """Append rows, texts as they are or encoded."""
        self._waiting.append(_encode(rows, self._encoded))
        self.rows += rows.num_rows
        if sum(table.num_rows for table in self._waiting) >= ROW_GROUP:
            self._flush()

    def in_order(self, mask: Mask) -> Mask:
        """A mask of the rows as they were added, in the order in which they are written; no more can be added."""
        self.written()
        return mask[np.concatenate(self._numbers)] if self._order_by and len(mask) else mask

    def written(self) -> "StagedRows":
        """All rows that were added; no more can be added."""
        if self._writer.is_open:
            self._flush()
            self._writer.close()
        return StagedRows(pq.ParquetFile(self._file), "what is being staged")

    def commit(self, root: AnyPath, load_id: str, table: str) -> None:
        """Stage the table atomically."""
        self.written()
        self._file.seek(0)
        write_whole(staged_folder(root, load_id) / f"{table}.parquet", cast(IO[bytes], self._file))

    def close(self) -> None:
        """Release memory and the temporary file."""
        self._writer.close()
        self._file.close()

    def _flush(self) -> None:
        if self._waiting:
            rows = pa.concat_tables(self._waiting).unify_dictionaries().combine_chunks()
            if self._order_by:
                numbers = pc.sort_indices(rows, self._order_by)
                rows = rows.take(numbers)
                written = sum(map(len, self._numbers))
                self._numbers.append(numbers.to_numpy().astype(np.int64) + written)
            self._writer.write_table(rows, row_group_size=2 * ROW_GROUP)
            self._waiting = []


def _encode(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    for number, field in enumerate(schema):
        if pa.types.is_dictionary(field.type) and rows.schema.field(number).type == pa.string():
            rows = rows.set_column(number, field, rows.column(number).dictionary_encode())
    return rows


def write_table(root: AnyPath, load_id: str, table: str, rows: pa.Table) -> None:
    """Stage one table's Parquet."""
    writer = TableWriter(rows.schema)
    with closing(writer):
        writer.add(rows)
        writer.commit(root, load_id, table)
