"""Writes the Parquet of one table, a row group at a time, in a thread while the next rows are read."""

import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import IO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from usage_ledger.storage.files import AnyPath, write_whole
from usage_ledger.storage.staged import StagedRows, staged_folder

ROW_GROUP = 50_000
"""Rows in memory at a time, at most about: half of them are added while the others are written."""
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]
Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
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

    `order_by`: the columns that each row group is sorted by; and the whole table is, where rows come in the order of
    the first of them, and fewer than `ROW_GROUP` have one value of it. The warehouse takes rows in the order of its
    index faster, and compares them with those that it has.
    """

    def __init__(self, schema: pa.Schema, order_by: Sequence[str] = ()) -> None:
        self.schema = schema
        self._order_by = order_by
        self._numbers: list[Numbers] = []
        """Of each row group, the places that its rows had when they were added."""
        self._carry: list[pa.Table] = []
        self._carry_numbers: Numbers = np.array([], dtype=np.int64)
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
        self._thread = ThreadPoolExecutor(1, "parquet")
        self._writing: Future[None] | None = None
        self.rows = 0

    def add(self, rows: pa.Table) -> None:
        """Append rows, texts as they are or encoded."""
        self._waiting.append(_encode(rows, self._encoded))
        self.rows += rows.num_rows
        if sum(table.num_rows for table in self._waiting) >= ROW_GROUP // 2:
            self._wait()
            self._writing = self._thread.submit(self._write, self._waiting)
            self._waiting = []

    def in_order(self, mask: Mask) -> Mask:
        """A mask of the rows as they were added, in the order in which they are written; no more can be added."""
        self.written()
        return mask[np.concatenate(self._numbers)] if self._order_by and len(mask) else mask

    def written(self) -> "StagedRows":
        """All rows that were added; no more can be added."""
        if self._writer.is_open:
            self._wait()
            if self._waiting or self._carry:
                self._write(self._waiting, is_last=True)
            self._writer.close()
        texts = [field.name for field in self._encoded if pa.types.is_dictionary(field.type)]
        return StagedRows(pq.ParquetFile(self._file, read_dictionary=texts), "what is being staged")

    def commit(self, root: AnyPath, load_id: str, table: str) -> None:
        """Stage the table atomically."""
        self.written()
        self._file.seek(0)
        write_whole(staged_folder(root, load_id) / f"{table}.parquet", cast(IO[bytes], self._file))

    def close(self) -> None:
        """Release memory and the temporary file."""
        self._thread.shutdown()
        self._writer.close()
        self._file.close()

    def _wait(self) -> None:
        """Wait for the row group that is being written. Raises what kept it from being so."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def _write(self, tables: list[pa.Table], *, is_last: bool = False) -> None:
        rows = pa.concat_tables([*self._carry, *tables]).unify_dictionaries().combine_chunks()
        if self._order_by:
            numbers = pc.sort_indices(rows, [(name, "ascending") for name in self._order_by])
            rows, self._carry = _in_order(rows, numbers), []
            first = sum(map(len, self._numbers))
            added = np.arange(first + len(self._carry_numbers), first + rows.num_rows)
            order = np.concatenate([self._carry_numbers, added])[numbers.to_numpy()]
            end = rows.num_rows if is_last else self._end_of_whole(rows)
            self._carry = [rows.slice(end)] if end < rows.num_rows else []
            self._numbers.append(order[:end])
            self._carry_numbers = order[end:]
            rows = rows.slice(0, end)
        self._writer.write_table(rows, row_group_size=2 * ROW_GROUP)

    def _end_of_whole(self, rows: pa.Table) -> int:
        """Where the last value of the first column begins: its further rows may come, and belong in between."""
        column = rows.column(self._order_by[0])
        end: int = pc.index(column, column[-1]).as_py()
        return end if end > 0 and rows.num_rows - end < ROW_GROUP else rows.num_rows


def _in_order(rows: pa.Table, numbers: pa.Array) -> pa.Table:
    """The rows in another order. Most columns have one value, or none, in all of them, and stay as they are."""
    columns = [column if _is_alike(column) else column.take(numbers) for column in rows.columns]
    return pa.table(columns, schema=rows.schema)


def _is_alike(column: pa.ChunkedArray) -> bool:
    if column.null_count:
        return bool(column.null_count == len(column))
    return pa.types.is_dictionary(column.type) and all(len(chunk.dictionary) == 1 for chunk in column.chunks)


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
