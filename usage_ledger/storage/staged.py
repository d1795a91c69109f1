"""Parquet between transform and load, one file a table, and the note that says it is complete."""

from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from usage_ledger.core.errors import RawGone, StagedUnusable
from usage_ledger.storage.files import AnyPath, below, read_whole, write_whole

FOLDER, NOTE = "_staged", "staged.json"


class StagedTable(msgspec.Struct, frozen=True):
    """Rows of one table and the exact sum of every meter, as text; sums of money stand per currency."""

    rows: int
    raw_rows: int
    sums: dict[str, str]


class Note(msgspec.Struct, frozen=True):
    """Something a person should know of an answer that was accepted all the same."""

    kind: str
    message: str
    next_step: str = ""


class Staged(msgspec.Struct, frozen=True):
    """What transform made of a load."""

    load_id: str
    tables: dict[str, StagedTable]
    notes: list[Note] = []
    evidence: dict[str, Any] = {}
    mismatch: str = ""
    """How the rows differ from the provider's own total, where they do."""


def staged_folder(root: AnyPath, load_id: str) -> AnyPath:
    """Where a load's Parquet lies."""
    return below(root, FOLDER, load_id)


def write_table(root: AnyPath, load_id: str, table: str, rows: pa.Table) -> None:
    """One table's Parquet, whole or not at all: read once, by the steps that follow, so compressed for speed."""
    sink = pa.BufferOutputStream()
    repeating = [field.name for field in rows.schema if field.type == pa.string() and field.name != "row_key"]
    pq.write_table(rows, sink, compression="lz4", use_dictionary=repeating, store_schema=True, write_page_checksum=True)
    write_whole(staged_folder(root, load_id) / f"{table}.parquet", sink.getvalue().to_pybytes())


def read_table(root: AnyPath, load_id: str, table: str) -> pa.Table:
    """One table's rows. Raises `StagedUnusable`, `StorageRefused`, `StorageDown`."""
    data = _read(root, load_id, f"{table}.parquet")
    try:
        return pq.read_table(pa.BufferReader(data), page_checksum_verification=True)
    except MemoryError:
        raise  # one of Arrow's own too, and nothing is wrong with the file
    except (pa.ArrowException, OSError) as error:
        raise StagedUnusable(f"the staged {table} of load {load_id} is damaged") from error


def read_staged(root: AnyPath, staged: Staged, table: str, schema: pa.Schema) -> pa.Table:
    """One table's rows, as many as were noted and of exactly this schema. Raises as `read_table`."""
    rows = read_table(root, staged.load_id, table)
    what = f"the staged {table} of load {staged.load_id}"
    if not rows.schema.equals(schema):
        raise StagedUnusable(f"{what} has not the columns and types of the contract")
    if table not in staged.tables or rows.num_rows != staged.tables[table].rows:
        raise StagedUnusable(f"{what} has {rows.num_rows} rows, which is not what its note says")
    return rows


def write_note(root: AnyPath, staged: Staged) -> None:
    """The mark that the load's Parquet is complete."""
    write_whole(staged_folder(root, staged.load_id) / NOTE, msgspec.json.encode(staged))


def read_note(root: AnyPath, load_id: str) -> Staged:
    """What was staged for a load. Raises `StagedUnusable` when transform has not ended, and as `read_table`."""
    data = _read(root, load_id, NOTE)
    try:
        return msgspec.json.decode(data, type=Staged)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StagedUnusable(f"the note on the staged load {load_id} is damaged ({error})") from error


def _read(root: AnyPath, load_id: str, name: str) -> bytes:
    try:
        return read_whole(staged_folder(root, load_id) / name)
    except RawGone as error:
        raise StagedUnusable(f"load {load_id} has no {name} staged") from error
