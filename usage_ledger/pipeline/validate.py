"""Validate: a Great Expectations suite, built from the contract, gates the load."""

import gc
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.contracts.odcs import Contract
from usage_ledger.contracts.registry import arrow_schema, contract
from usage_ledger.core import crash
from usage_ledger.core.errors import ValidationFailed
from usage_ledger.core.windows import Window, day_bounds
from usage_ledger.pipeline.findings import SAMPLES, Finding, Part, all_met, unmet
from usage_ledger.pipeline.rules import Rule, checked_columns, rules_of_rows, rules_of_table
from usage_ledger.reading.names import NAMES
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.staged import StagedRows, open_table, read_note
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.engine import in_transaction

log = logging.getLogger(__name__)

AT_ONCE, PART = 250_000, 50_000
"""Rows: so many are checked as one frame; more are checked in frames of about so many."""


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
    of_table = list(rules_of_table(table, rows))
    rules = [*rules_of_rows(table, window, set(bucket_seconds)), *(of_table if whole else ())]
    for part in _parts(table, staged):
        for finding in _findings(rules, part):
            earlier = findings.get(finding.expectation)
            count = finding.count + (earlier.count if earlier else 0)
            findings[finding.expectation] = replace(earlier or finding, count=count)
        if not whole:
            keys.append(_keys(table, part.rows))
            del part
            gc.collect()  # Great Expectations' objects for this part hold themselves, and the part, in cycles
    if not whole:
        all_keys = Part(pa.concat_tables(keys, promote_options="permissive").unify_dictionaries(), 0, staged)
        del keys
        findings |= {finding.expectation: finding for finding in _findings(of_table, all_keys)}
    return list(findings.values())


def _findings(rules: list[Rule], part: Part) -> list[Finding]:
    """The findings in a part; one expectation first decides whether there are any."""
    columns = checked_columns(part.rows)
    return [] if all_met(rules, columns, part.rows.num_rows) else unmet(rules, columns, part)


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
