"""Parquet between transform and load, one file a table, and the note that says it is complete."""

from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from usage_ledger.core.errors import StorageRefused
from usage_ledger.storage.files import AnyPath, read_whole, rooted, write_whole

NOTE = "staged.json"


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
    return rooted(root) / "_staged" / load_id


def write_table(root: AnyPath, load_id: str, table: str, rows: pa.Table) -> None:
    """One table's Parquet, whole or not at all: read once, by the steps that follow, so compressed for speed."""
    sink = pa.BufferOutputStream()
    repeating = [field.name for field in rows.schema if field.type == pa.string() and field.name != "row_key"]
    pq.write_table(rows, sink, compression="lz4", use_dictionary=repeating, store_schema=True)
    write_whole(staged_folder(root, load_id) / f"{table}.parquet", sink.getvalue().to_pybytes())


def read_table(root: AnyPath, load_id: str, table: str) -> pa.Table:
    """One table's rows. Raises `StorageRefused`."""
    data = read_whole(staged_folder(root, load_id) / f"{table}.parquet")
    try:
        return pq.read_table(pa.BufferReader(data))
    except pa.ArrowInvalid as error:
        raise StorageRefused(
            f"the staged {table} of load {load_id} is damaged", next_step="run the transform again"
        ) from error


def write_note(root: AnyPath, staged: Staged) -> None:
    """The mark that the load's Parquet is complete."""
    write_whole(staged_folder(root, staged.load_id) / NOTE, msgspec.json.encode(staged))


def read_note(root: AnyPath, load_id: str) -> Staged:
    """What was staged for a load. Raises `StorageRefused` when transform has not ended."""
    return msgspec.json.decode(read_whole(staged_folder(root, load_id) / NOTE), type=Staged)
