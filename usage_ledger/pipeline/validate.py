"""Validate: a Great Expectations suite, built from the contract, gates the load."""

import gc
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

import great_expectations as gx
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations import expectations as gxe
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine
from tqdm import tqdm

from usage_ledger.connections import Connection
from usage_ledger.contracts.odcs import Contract
from usage_ledger.contracts.registry import arrow_schema, contract
from usage_ledger.core import crash
from usage_ledger.core.errors import ValidationFailed, one_line
from usage_ledger.core.windows import Window, day_bounds
from usage_ledger.pipeline.rules import broken, empty_columns, frame, nothing_broken, of_all_rows, suite_of
from usage_ledger.reading.names import NAMES
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.staged import StagedRows, open_table, read_note
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.engine import in_transaction

log = logging.getLogger(__name__)

SAMPLES = 5
AT_ONCE, PART = 250_000, 50_000
"""Rows: so many are checked as one frame; more are checked in frames of about so many."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An expectation that was not met: which, how many rows, some of them."""

    expectation: str
    count: int
    samples: tuple[str, ...]
    critical: bool

    def __str__(self) -> str:
        shown = f", such as {' | '.join(self.samples)}" if self.samples else ""
        return f"{self.expectation}: {self.count} rows{shown}"


def validate(connection: Connection, load_id: str, *, engine: Engine, root: AnyPath) -> list[Finding]:
    """Check a staged load; returns the warnings. Raises `ValidationFailed` naming each expectation not met."""
    load = loads.load_by_id(engine, load_id)
    report = connection.declared.report(load.report)
    zone = connection.day_zone(report)
    with loads.recorded(engine, load, step="validate", day_zone=connection.days_of(report)):
        crash.point("validate")
        staged = read_note(root, load_id)
        lengths = {
            int((ends - begins).total_seconds()) for begins, ends in (day_bounds(day, zone) for day in load.window)
        }
        findings: list[Finding] = []
        for name, counted in staged.tables.items():
            table = open_table(root, load_id, name)
            window = None if name == NAMES else load.window
            findings += check(contract(name), table, rows=counted.rows, window=window, bucket_seconds=lengths)
            crash.point("validate")  # some tables checked
        critical = [finding for finding in findings if finding.critical]
        if critical:
            raise ValidationFailed("; ".join(map(str, critical)))
        _note_warnings(engine, load, findings)
        crash.point("validate")
        loads.advance(engine, load_id, "validated")
        crash.point("validate")
    return findings


def check(
    table: Contract,
    staged: StagedRows | pa.Table,
    *,
    rows: int,
    window: Window | None,
    bucket_seconds: Iterable[int] = (),
) -> list[Finding]:
    """What Great Expectations finds in one staged table: of all its rows at once whether they are as many as noted and
    each key is there once, of everything else part by part, so that a large table need not be in memory.
    """
    if unfit := _type_findings(table, staged) or _null_findings(table, staged):
        return unfit
    whole = staged.num_rows <= AT_ONCE
    findings: dict[str, Finding] = {}
    keys: list[pa.Table] = []
    for part in _parts(table, staged):
        for found in _findings(table, part, window, set(bucket_seconds), rows if whole else None):
            known = findings.get(found.expectation)
            count = found.count + (known.count if known else 0)
            findings[found.expectation] = replace(known or found, count=count)
        if not whole:
            keys.append(_keys(table, part.rows))
            del part
            gc.collect()  # what Great Expectations made for this part points at itself, and at the part
    if not whole:
        all_keys = Part(pa.concat_tables(keys, promote_options="permissive").unify_dictionaries(), 0, staged)
        del keys
        if all_keys.rows.num_rows != rows or not _all_met(broken(table, all_keys.rows, all_rows=True)):
            found_of_all = _unmet(frame(all_keys.rows), all_keys, list(of_all_rows(table, rows)))
            findings |= {found.expectation: found for found in found_of_all}
    return list(findings.values())


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a staged table, in the columns that the rules look at."""

    rows: pa.Table
    first: int
    """The number of the first one in the table."""
    staged: StagedRows | pa.Table

    def row(self, index: Any) -> str:
        """A row, whole, as [name, value] pairs: names such as input_tokens are masked by Airflow when they are keys."""
        number = int(index if isinstance(index, int) else index["index"])
        row = self.staged.slice(self.first + number, 1).to_pylist()[0]
        told = [[name, _plain(value)] for name, value in row.items() if value not in (None, "") and name != "load_id"]
        return one_line(str(told), 600)


def _findings(
    table: Contract, part: Part, window: Window | None, bucket_seconds: set[int], rows: int | None
) -> list[Finding]:
    """What is wrong in a part. Each rule costs Great Expectations a hundredth of a second, however few the rows are, so
    one that sees whether any is broken comes first; every rule by itself only where it is.
    """
    looked_at = broken(table, part.rows, window, bucket_seconds, all_rows=rows is not None)
    if rows in (None, part.rows.num_rows) and _all_met(looked_at):
        return []
    rules = list(suite_of(table, window, bucket_seconds, empty=empty_columns(part.rows)))
    rules += [] if rows is None else of_all_rows(table, rows)
    return _unmet(frame(part.rows), part, rules)


def _keys(table: Contract, part: pa.Table) -> pa.Table:
    """The primary key of a part's rows; of texts that repeat, each once."""
    columns = {name: part.column(name) for name in table.primary_key}
    return pa.table(
        {
            name: column if name == "row_key" or column.type != pa.string() else column.dictionary_encode()
            for name, column in columns.items()
        }
    )


def _parts(table: Contract, staged: StagedRows | pa.Table) -> Iterator[Part]:
    """All rows if they are few, else about `PART` at a time; one part without rows where there are none."""
    looked_at = {*table.primary_key, *table.non_negative, *(name for pair in table.at_most for name in pair)}
    looked_at |= {column.name for column in table.columns if column.valid_values} | {"bucket_start", "bucket_end"}
    columns = [name for name in staged.schema.names if name in looked_at]
    most = AT_ONCE if staged.num_rows <= AT_ONCE else PART
    waiting: list[pa.Table] = []
    held = first = 0
    for rows in [staged.select(columns)] if isinstance(staged, pa.Table) else staged.tables(columns):
        if held and held + rows.num_rows > most:
            yield Part(pa.concat_tables(waiting), first, staged)
            first, waiting, held = first + held, [], 0
        waiting.append(rows)
        held += rows.num_rows
    empty = pa.schema([staged.schema.field(name) for name in columns]).empty_table()
    yield Part(pa.concat_tables([empty, *waiting]), first, staged)


def _all_met(looked_at: pd.DataFrame) -> bool:
    return bool(_result(looked_at, [nothing_broken()], {"result_format": "BOOLEAN_ONLY"}).success)


def _unmet(looked_at: pd.DataFrame, part: Part, rules: list[gxe.Expectation]) -> list[Finding]:
    results = _result(looked_at, rules, {"result_format": "COMPLETE", "partial_unexpected_count": SAMPLES})
    return [_finding(result, part) for result in results.results if not result.success]


def _result(looked_at: pd.DataFrame, rules: list[gxe.Expectation], result_format: dict[str, Any]) -> Any:
    batch = _batches().get_batch(batch_parameters={"dataframe": looked_at})
    return batch.validate(gx.ExpectationSuite(name="contract", expectations=rules), result_format=result_format)


@cache
def _batches() -> Any:
    """What Great Expectations takes frames from: made once, because that takes as long as several rules."""
    tqdm.monitor_interval = 0  # no thread: the process that forks tasks must have none
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return (
        context.data_sources.add_pandas("staged")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("load")
    )


def _type_findings(table: Contract, staged: StagedRows | pa.Table) -> list[Finding]:
    """Types are checked where they live, in Parquet's schema; a frame would have lost them."""
    wanted = arrow_schema(table.table)
    if staged.schema.equals(wanted):
        return []
    found = {field.name: field.type for field in staged.schema}
    differing = [
        f"{field.name} is {found.get(field.name, 'absent')}, not {field.type}"
        for field in wanted
        if found.get(field.name) != field.type
    ]
    extra = [f"{name} is not in the contract" for name in found if name not in wanted.names]
    return [Finding("types_of_the_contract", staged.num_rows, tuple((differing + extra)[:SAMPLES]), critical=True)]


def _null_findings(table: Contract, staged: StagedRows | pa.Table) -> list[Finding]:
    """Required columns beside the key, whose nulls are counted already: a rule each would take its time.

    A Parquet column that its schema says is required has no place for a null.
    """
    if isinstance(staged, StagedRows):
        return []
    findings = []
    for column in table.columns:
        nulls = staged.column(column.name).null_count if column.required and column.role != "key" else 0
        if nulls:
            indices = pc.indices_nonzero(staged.column(column.name).is_null()).to_pylist()[:SAMPLES]
            rows = tuple(Part(staged, 0, staged).row(int(index)) for index in indices)
            findings.append(Finding(f"required_not_be_null({column.name})", nulls, rows, critical=True))
    return findings


def _finding(result: Any, part: Part) -> Finding:
    configuration = result.expectation_config
    if result.exception_info.get("exception_message"):
        return Finding(
            configuration.type, part.rows.num_rows, (one_line(result.exception_info["exception_message"], 300),), True
        )
    found = result.result
    columns = [
        str(configuration.kwargs[key])
        for key in ("column", "column_list", "column_A", "column_B")
        if key in configuration.kwargs
    ]
    indices = (found.get("unexpected_index_list") or _below_zero(configuration, part.rows))[:SAMPLES]
    samples = tuple(map(part.row, indices)) or (
        (f"observed {found['observed_value']}",) if "observed_value" in found else ()
    )
    return Finding(
        f"{configuration.type}({', '.join(columns)})",
        found.get("unexpected_count", len(_below_zero(configuration, part.rows)) or part.rows.num_rows),
        samples,
        critical=configuration.severity != "warning",
    )


def _below_zero(configuration: Any, rows: pa.Table) -> list[int]:
    """The rows behind a smallest value below zero; that rule alone looks at a column as a whole."""
    if configuration.type != "expect_column_min_to_be_between":
        return []
    column = rows.column(configuration.kwargs["column"])
    below = pc.less(column, pa.scalar(0).cast(column.type))
    return [int(index) for index in pc.indices_nonzero(below.fill_null(False)).to_pylist()]


def _plain(value: Any) -> str | int:
    return value if isinstance(value, int) else value.isoformat() if isinstance(value, date) else str(value)


def _note_warnings(engine: Engine, load: loads.Load, findings: list[Finding]) -> None:
    def work(cursor: Cursor) -> None:
        for finding in findings:
            loads.add_event(
                cursor,
                load.connection_id,
                kind="contract_warning",
                severity="warning",
                message=str(finding),
                next_step="see whether the provider's declaration or the contract needs a new word",
                report=load.report,
                load_id=load.load_id,
            )

    if findings:
        in_transaction(engine, work)
