"""Validate: check a staged load against its data contracts, before it may be loaded.

One pass in Arrow counts what breaks a rule. Great Expectations decides on that count in every run of Airflow, on the
command line where it is not zero; and it says of each broken rule which rows break it.
"""

import gc
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import partial

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.contracts.odcs import Contract
from usage_ledger.contracts.registry import arrow_schema, contract
from usage_ledger.core import crash
from usage_ledger.core.contract_errors import ContractBroken, ValidationFailed, error_of_dates
from usage_ledger.core.steps import Broken
from usage_ledger.core.windows import Window, day_bounds
from usage_ledger.pipeline.findings import SAMPLES, Finding, Part, summary
from usage_ledger.pipeline.rules import Rule, checked_columns, count_broken, rules_of_rows, rules_of_table
from usage_ledger.reading.names import NAMES
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.staged import Failure, Staged, StagedRows, open_table, read_note, write_note
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.events import add_event

log = logging.getLogger(__name__)

WRONG_TYPES = "columns are not of the contract's types"
AT_ONCE, PART = 250_000, 50_000
"""Rows. A table of up to `AT_ONCE` is checked whole, a larger one in parts of about `PART`, for the sake of memory."""


def validate(
    connection: Connection, load_id: str, *, engine: Engine, root: AnyPath, strict: bool = True
) -> list[Finding]:
    """Check a staged load; returns the warnings. A date whose rows break the contract fails, by the load's note.

    Great Expectations is asked about every table, or, unless `strict`, about those that Arrow says break a rule.
    Raises `ValidationFailed` naming each expectation not met, when it is of no date's rows; and `ContractBroken` when
    no date remains, be it by these rows or by those that transform left out.
    """
    load = loads.load_by_id(engine, load_id)
    report = connection.declared.report(load.report)
    zone = connection.day_zone(report)
    with loads.recorded(engine, load, step="validate", day_zone=connection.days_of(report)) as step:
        crash.point("validate")
        staged = read_note(root, load_id)
        lengths = {
            int((ends - begins).total_seconds()) for begins, ends in (day_bounds(day, zone) for day in load.window)
        }
        findings: list[Finding] = []
        failed: dict[date, ContractBroken] = {}
        for name, counted in staged.tables.items():
            table, window = open_table(root, load_id, name), None if name == NAMES else load.window
            of_table = check(
                contract(name), table, rows=counted.rows, window=window, bucket_seconds=lengths, strict=strict
            )
            step.rows[name] = counted.rows
            step.broken[name] = {one.expectation: Broken(one.count, one.critical) for one in of_table}
            findings += [finding for finding in of_table if not finding.critical]
            critical = [finding for finding in of_table if finding.critical]
            failed = _failed_dates(contract(name), table, critical, load.window, lengths) | failed
            crash.point("validate")  # some tables checked
        step.failed = tuple(failed)
        if failed:
            _fail_dates(root, staged, failed, load.window)
        _note_warnings(engine, load, findings)
        crash.point("validate")
        loads.advance(engine, load_id, "validated")
        crash.point("validate")
        log.info("%s %s: the contract holds, %d warnings", load.report, load.window, len(findings))
    return findings


def _failed_dates(
    table: Contract, staged: StagedRows, critical: list[Finding], window: Window, bucket_seconds: Iterable[int]
) -> dict[date, ContractBroken]:
    """The dates whose rows break the contract, each with what its own rows break.

    Raises `ValidationFailed` when it is the table that does, or rows of no date of the window.
    """
    dates = {day for finding in critical for day in finding.dates}
    if any(not finding.dates for finding in critical) or not dates <= set(window):
        raise ValidationFailed(summary(critical))
    failed: dict[date, ContractBroken] = {}
    for day in sorted(day for day in dates if day is not None):
        parts = [rows.filter(pc.equal(rows.column("usage_date"), pa.scalar(day))) for rows in staged.tables()]
        rows = pa.concat_tables(parts)
        of_date = check(table, rows, rows=rows.num_rows, window=window, bucket_seconds=bucket_seconds)
        failed[day] = ValidationFailed(summary([finding for finding in of_date if finding.critical]))
    return failed


def _fail_dates(root: AnyPath, staged: Staged, failed: Mapping[date, ContractBroken], window: Window) -> None:
    """Note which dates the load must leave out. Raises `ContractBroken` when no date of the window remains."""
    by_date = {day: Failure(type(error).__name__, error.what) for day, error in failed.items()}
    noted = by_date | staged.failed
    if len(noted) == window.days:
        raise error_of_dates({day: failure.error for day, failure in noted.items()}, window.days)
    write_note(root, msgspec.structs.replace(staged, failed=noted))


def check(
    table: Contract,
    staged: StagedRows | pa.Table,
    *,
    rows: int,
    window: Window | None,
    bucket_seconds: Iterable[int] = (),
    strict: bool = True,
) -> list[Finding]:
    """The findings in one staged table, of which the load's note says that it has `rows` rows.

    Wrong types and nulls in required columns are returned alone, because rules need columns without them. Unless
    `strict`, a table that breaks no rule in Arrow's form is not put before Great Expectations.
    """
    if unfit := _type_findings(table, staged) or _null_findings(table, staged):
        return unfit
    of_rows = list(rules_of_rows(table, window, set(bucket_seconds)))
    of_table = list(rules_of_table(table, rows))
    parts = partial(_ruled_parts, table, staged, of_rows, of_table)
    broken = sum(count_broken(rules, checked_columns(part.rows)) for rules, part in parts())
    if not strict and not broken:
        return []
    from usage_ledger.pipeline.expectations import none_broken, unmet  # seconds that a command need not pay

    if none_broken(broken):
        return []
    findings: dict[str, Finding] = {}
    for rules, part in parts():
        columns = checked_columns(part.rows)
        if broken and not count_broken(rules, columns):
            continue
        for finding in unmet(rules, columns, part):
            earlier = findings.get(finding.expectation)
            count = finding.count + (earlier.count if earlier else 0)
            dates = finding.dates | (earlier.dates if earlier else frozenset())
            findings[finding.expectation] = replace(earlier or finding, count=count, dates=dates)
        del part, columns
        gc.collect()  # Great Expectations' objects for this part hold themselves, and the part, in cycles
    return list(findings.values())


def _ruled_parts(
    table: Contract, staged: StagedRows | pa.Table, of_rows: list[Rule], of_table: list[Rule]
) -> Iterator[tuple[list[Rule], Part]]:
    """The rules and the rows for each: the row count and unique keys over all rows, everything else part by part."""
    if staged.num_rows <= AT_ONCE:
        yield from (([*of_rows, *of_table], part) for part in _parts(table, staged))
        return
    keys: list[pa.Table] = []
    for part in _parts(table, staged):
        yield of_rows, part
        keys.append(_keys(table, part.rows))
    yield of_table, Part(pa.concat_tables(keys, promote_options="permissive").unify_dictionaries(), 0, staged)


def _keys(table: Contract, part: pa.Table) -> pa.Table:
    """The primary key of a part's rows; strings that repeat are dictionaries."""
    columns = {name: part.column(name) for name in table.primary_key}
    return pa.table(
        {
            name: column if name == "row_key" or column.type != pa.string() else column.dictionary_encode()
            for name, column in columns.items()
        }
    )


def _parts(table: Contract, staged: StagedRows | pa.Table) -> Iterator[Part]:
    """All rows at once up to `AT_ONCE`, else about `PART` at a time; an empty table is one part without rows."""
    checked = {*table.primary_key, *table.non_negative, *(name for pair in table.at_most for name in pair)}
    checked |= {column.name for column in table.columns if column.valid_values} | {"bucket_start", "bucket_end"}
    columns = [name for name in staged.schema.names if name in checked]
    most = AT_ONCE if staged.num_rows <= AT_ONCE else PART
    waiting: list[pa.Table] = []
    count = first = 0
    for rows in [staged.select(columns)] if isinstance(staged, pa.Table) else staged.tables(columns):
        if count and count + rows.num_rows > most:
            yield Part(pa.concat_tables(waiting), first, staged)
            first, waiting, count = first + count, [], 0
        waiting.append(rows)
        count += rows.num_rows
    empty = pa.schema([staged.schema.field(name) for name in columns]).empty_table()
    yield Part(pa.concat_tables([empty, *waiting]), first, staged)


def _type_findings(table: Contract, staged: StagedRows | pa.Table) -> list[Finding]:
    """Types, from the Parquet schema: a pandas frame has other ones."""
    expected = arrow_schema(table.table)
    if staged.schema.equals(expected):
        return []
    actual = {field.name: field.type for field in staged.schema}
    differing = [
        f"{field.name} is {actual.get(field.name, 'absent')}, not {field.type}"
        for field in expected
        if actual.get(field.name) != field.type
    ]
    extra = [f"{name} is not in the contract" for name in actual if name not in expected.names]
    return [
        Finding(
            "types_of_the_contract", WRONG_TYPES, staged.num_rows, tuple((differing + extra)[:SAMPLES]), critical=True
        )
    ]


def _null_findings(table: Contract, staged: StagedRows | pa.Table) -> list[Finding]:
    """Nulls in required columns outside of the key. Arrow has counted them, so no expectation is needed.

    A Parquet column whose schema says that it is required cannot hold a null.
    """
    if isinstance(staged, StagedRows):
        return []
    findings = []
    for column in table.columns:
        nulls = staged.column(column.name).null_count if column.required and column.role != "key" else 0
        if nulls:
            indices = pc.indices_nonzero(staged.column(column.name).is_null()).to_pylist()[:SAMPLES]
            rows = tuple(Part(staged, 0, staged).row(int(index)) for index in indices)
            name, sentence = f"required_not_be_null({column.name})", f"`{column.name}` is missing"
            findings.append(Finding(name, sentence, nulls, rows, critical=True))
    return findings


def _note_warnings(engine: Engine, load: loads.Load, findings: list[Finding]) -> None:
    def work(cursor: Cursor) -> None:
        for finding in findings:
            add_event(
                cursor,
                load.connection_id,
                kind="contract_warning",
                severity="warning",
                message=str(finding),
                next_step="add the value to the data contract if it is right, or correct the provider's declaration",
                report=load.report,
                load_id=load.load_id,
            )

    if findings:
        in_transaction(engine, work)
