"""Parquet between transform and load, one file per table, and the note that commits it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from usage_ledger.core.contract_errors import ContractBroken
from usage_ledger.core.error_classes import ERROR_CLASSES
from usage_ledger.core.storage_errors import RawGone, StagedUnusable
from usage_ledger.storage.files import AnyPath, below, open_seekable, read_whole, write_whole
from usage_ledger.storage.listed_price import ListedPrice

FOLDER, NOTE = "_staged", "staged.json"


class StagedTable(msgspec.Struct, frozen=True):
    """Rows of one table and the exact sum of every meter, as text; money is summed per currency."""

    rows: int
    raw_rows: int
    sums: dict[str, str]


class Note(msgspec.Struct, frozen=True):
    """What a person should know of an answer that was accepted."""

    kind: str
    message: str
    next_step: str = ""
    severity: str = "warning"


class Failure(msgspec.Struct, frozen=True):
    """Why a usage date cannot be loaded: the class of the error, and what is wrong, with row and field."""

    error_class: str
    what: str

    @property
    def error(self) -> ContractBroken:
        """The error that this is a record of."""
        kind = ERROR_CLASSES.get(self.error_class, ContractBroken)
        return (kind if issubclass(kind, ContractBroken) else ContractBroken)(self.what)


class RunningTotal(msgspec.Struct, frozen=True):
    """A running total of the provider, exact as text, and the report whose rows explain its growth."""

    report: str
    total: str


class Staged(msgspec.Struct, frozen=True):
    """The result of transforming a load."""

    load_id: str
    tables: dict[str, StagedTable]
    notes: list[Note] = []
    evidence: dict[str, Any] = {}
    mismatch: str = ""
    """How the rows differ from the provider's own total; '' when they do not."""
    agrees: bool = False
    """Whether the provider sent a total of its own, and the rows add up to it."""
    open: dict[date, int] = {}
    """By date what keeps it from being settled: the number of unfinished events, or 1 where nothing is stored of it."""
    points: dict[date, tuple[int, int]] = {}
    """Of a report whose rows are points: the smallest and largest number of points that a series of the date has."""
    running_totals: dict[str, RunningTotal] = {}
    """By their path in the answer."""
    prices: list[ListedPrice] | None = None
    """The whole list of prices; None where the report has none, or where a part of the list could not be had."""
    failed: dict[date, Failure] = {}
    """Dates that cannot be loaded; the load leaves what the ledger holds of them as it is."""
    scope: tuple[list[str], list[list[str]]] | None = None
    """Of a report that is asked for thing by thing, the columns that name one together, and their values of each that
    was asked for: the ledger's rows of others stay."""


def staged_folder(root: AnyPath, load_id: str) -> AnyPath:
    """The folder of a load's Parquet."""
    return below(root, FOLDER, load_id)


class StagedRows:
    """One table's rows, read a row group at a time."""

    def __init__(self, file: pq.ParquetFile, what: str) -> None:
        self._file, self._what = file, what
        self.schema: pa.Schema = file.schema_arrow
        self.num_rows: int = file.metadata.num_rows

    def whole(self) -> pa.Table:
        """All rows. Raises `StagedUnusable`."""
        return pa.concat_tables([self.schema.empty_table(), *self.tables()])

    def tables(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Each row group, with these columns or all. Raises `StagedUnusable`."""
        for number in range(self._file.num_row_groups):
            with _readable(self._what):
                rows = self._file.read_row_group(number, columns, use_threads=False)
            yield rows

    def slice(self, first: int, count: int) -> pa.Table:
        """At most `count` rows from row `first`, of one row group. Raises `StagedUnusable`."""
        group = 0
        while (rows := self._file.metadata.row_group(group).num_rows) <= first:
            group, first = group + 1, first - rows
        with _readable(self._what):
            return self._file.read_row_group(group, use_threads=False).slice(first, count)

    @cached_property
    def constants(self) -> dict[str, Any]:
        """The columns with one value in all rows, and that value, by Parquet's statistics; None for null."""
        metadata = self._file.metadata
        constants: dict[str, Any] = {}
        for number, name in enumerate(self.schema.names):
            chunks = [metadata.row_group(group).column(number) for group in range(metadata.num_row_groups)]
            values = {_only_value(chunk.statistics, chunk.num_values) for chunk in chunks}
            if len(values) == 1 and (value := values.pop()) is not _SEVERAL:
                constants[name] = value
        return constants


_SEVERAL = object()


def _only_value(statistics: Any, count: int) -> Any:
    if statistics is None or not statistics.has_null_count:
        return _SEVERAL
    if statistics.null_count == count:
        return None
    same = statistics.null_count == 0 and statistics.has_min_max and statistics.min == statistics.max
    return statistics.min if same else _SEVERAL


@contextmanager
def _readable(what: str) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise  # ArrowMemoryError is one too; the file is not damaged
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise StagedUnusable(f"{what} is damaged") from error


def open_table(root: AnyPath, load_id: str, table: str) -> StagedRows:
    """Open one table's rows for reading. Raises `StagedUnusable`, `StorageRefused`, `StorageDown`."""
    what = f"the staged {table} of load {load_id}"
    try:
        file = open_seekable(staged_folder(root, load_id) / f"{table}.parquet")
    except RawGone as error:
        raise StagedUnusable(f"load {load_id} has no {table}.parquet staged") from error
    with _readable(what):
        return StagedRows(pq.ParquetFile(file, page_checksum_verification=True), what)


def read_staged(root: AnyPath, staged: Staged, table: str, schema: pa.Schema) -> StagedRows:
    """One table's rows, checked against the note's row count and this schema. Raises as `open_table`."""
    rows = open_table(root, staged.load_id, table)
    what = f"the staged {table} of load {staged.load_id}"
    if not rows.schema.equals(schema):
        raise StagedUnusable(f"{what} does not have the columns and types of the contract")
    if table not in staged.tables or rows.num_rows != staged.tables[table].rows:
        raise StagedUnusable(f"{what} has {rows.num_rows} rows, not the number in its note")
    return rows


def write_note(root: AnyPath, staged: Staged) -> None:
    """Write the note that commits the load's Parquet."""
    write_whole(staged_folder(root, staged.load_id) / NOTE, msgspec.json.encode(staged))


def read_note(root: AnyPath, load_id: str) -> Staged:
    """The note of a staged load. Raises `StagedUnusable` when transform has not ended, and as `open_table`."""
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
