"""Transform: landed pages into Parquet of the contract's schema, nothing else read, nothing rounded unseen."""

import gc
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine

from usage_ledger.core import crash, errors, numbers
from usage_ledger.core.model import Report
from usage_ledger.pipeline.columns import (
    Buckets,
    Counted,
    bucket_columns,
    meter_column,
    signed,
    text_column,
    translated,
    whole_numbers,
)
from usage_ledger.pipeline.connections import Connection
from usage_ledger.pipeline.facts import Facts
from usage_ledger.pipeline.flatten import Rows, decode, money_elements, rows_of, unknown_content
from usage_ledger.pipeline.identity import row_keys, with_splits
from usage_ledger.pipeline.names import NAMES, Names
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import Manifest, landed_parts, load_folder, manifest_of
from usage_ledger.storage.staged import Note, Staged, StagedTable, write_note, write_table
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.contracts import arrow_schema, contract

UNKNOWN_FIELD = "declare it if it should be loaded; `usage-ledger rebuild` then fills what was fetched meanwhile"
UNKNOWN_METER = re.compile(r"token|cost|usd|amount|count|second|quantity|unit", re.IGNORECASE)
CLOCKS_AGREE = timedelta(minutes=5)
CLOCK = "set this machine's clock by a time server: it decides which dates are over"
HALF_A_NANO = Decimal("0.0000000005")
Sums = dict[str, int | Decimal]


@dataclass
class Gathered:
    """What the pages of a load have given so far."""

    facts: dict[str, Facts] = field(default_factory=dict)
    sums: dict[str, Sums] = field(default_factory=lambda: defaultdict(dict))
    names: Names = field(default_factory=Names)
    totals: dict[str, Decimal] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """Row keys made so far, by what they are made of."""
    rounded: int = 0
    labelled: bool = False
    unknown: set[str] = field(default_factory=set)
    skew: timedelta = timedelta()
    """How far the provider's clock and ours are apart, at most."""

    @property
    def rows(self) -> int:
        """How many rows came, of all tables."""
        return sum(facts.rows for facts in self.facts.values())


def transform(connection: Connection, load_id: str, *, engine: Engine, root: AnyPath) -> Staged:
    """Stage a landed load as Parquet. Raises the errors of `ContractBroken`, `RawCorrupt`, `StorageRefused`."""
    load = loads.load_by_id(engine, load_id)
    report = connection.declared.report(load.report)
    with loads.recorded(engine, load, step="transform", day_zone=connection.days_of(report)):
        if not load.manifest_uri:
            raise errors.StorageRefused(f"load {load_id} has landed nothing", next_step="run the extract again")
        crash.point("transform")
        folder = load_folder(root, load.manifest_uri)
        staged = stage(connection, report, manifest_of(folder), folder, root)
        crash.point("transform")  # staged, and the warehouse does not know
        loads.advance(engine, load_id, "transformed", row_count=sum(table.rows for table in staged.tables.values()))
        crash.point("transform")
        return staged


def stage(connection: Connection, report: Report, manifest: Manifest, folder: AnyPath, root: AnyPath) -> Staged:
    """Parquet and its note from landed pages alone."""
    gathered = Gathered(facts={name: Facts(name) for name in report.tables})
    with collector_paused():
        _read_pages(connection, report, manifest, folder, gathered)
    if not gathered.rows and not report.snapshot:
        _refuse_unknown(report, manifest, folder)
    if not gathered.rows and not report.snapshot and not manifest.account_listed:
        raise errors.Shape("the answer holds no row that the declaration knows", next_step=errors.ContractBroken.remedy)
    staged = Staged(
        manifest.load_id,
        dict(_write_facts(gathered, manifest, root)),
        _notes(gathered),
        _evidence(gathered),
        _mismatch(report, gathered),
    )
    write_note(root, staged)
    return staged


def _refuse_unknown(report: Report, manifest: Manifest, folder: AnyPath) -> None:
    """An answer without rows must be empty: one whose arrays have other names is no day without usage."""
    for _, parts in landed_parts(folder, manifest):
        for body in parts:
            unknown = unknown_content(report, body)
            if unknown:
                raise errors.Shape(f"the answer holds none of the declared arrays, but {', '.join(unknown[:5])}")


@contextmanager
def collector_paused() -> Iterator[None]:
    """No cycle collection meanwhile: decoded rows hold no cycles, and each pass would walk all of them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read_pages(
    connection: Connection, report: Report, manifest: Manifest, folder: AnyPath, gathered: Gathered
) -> None:
    for page, parts in landed_parts(folder, manifest):
        if page.told_at is not None:
            gathered.skew = max(gathered.skew, abs(page.told_at - page.asked_at))
        read: dict[str, int] = defaultdict(int)
        for body in parts:
            document, unknown = decode(report, body)
            gathered.unknown.update(unknown)
            for row_set in report.row_sets:
                rows = rows_of(report, row_set, document, page.labels, before=read[row_set.path])
                if len(rows):
                    _gather(connection, report, rows, manifest, gathered)
                read[row_set.path] += len(rows)
            for total in report.totals:
                for units, nanos, currency in money_elements(report, total, document):
                    key = f"{total.column} {currency or ''}"
                    amount = numbers.money(signed(units), signed(nanos))
                    gathered.totals[key] = numbers.added(gathered.totals.get(key, 0), amount)
        crash.point("transform")  # some pages read


def _write_facts(gathered: Gathered, manifest: Manifest, root: AnyPath) -> Iterator[tuple[str, StagedTable]]:
    for name, facts in gathered.facts.items():
        crash.point("transform")
        rows = facts.commit(root, manifest.load_id)
        crash.point("transform")  # Parquet without its note
        sums = {
            key: f"{value:f}" if isinstance(value, Decimal) else str(value)
            for key, value in gathered.sums[name].items()
        }
        yield name, StagedTable(rows, facts.rows, sums)
    if gathered.names.seen:
        table = gathered.names.table(manifest)
        write_table(root, manifest.load_id, NAMES, table)
        yield NAMES, StagedTable(table.num_rows, table.num_rows, {})


def _gather(connection: Connection, report: Report, rows: Rows, manifest: Manifest, gathered: Gathered) -> None:
    row_set = rows.row_set
    if not row_set.table:
        gathered.names.gather(rows, [manifest.window_from], [0] * len(rows))
        return
    zone = connection.day_zone(report)
    buckets = bucket_columns(rows, zone, manifest.window, date_labels=report.date_labels)
    gathered.labelled |= buckets.labelled
    _check_balances(rows)
    _check_owner(rows, connection.account)
    sent = {dimension.column: text_column(rows, dimension) for dimension in row_set.dimensions}
    columns = {meter.column: contract(row_set.table).column(meter.column) for meter in row_set.meters}
    currencies = sent["currency"].to_pylist() if "currency" in sent else None
    meters = {meter.column: meter_column(rows, meter, columns[meter.column], currencies) for meter in row_set.meters}
    _check_metered(rows, meters)
    sums = gathered.sums[row_set.table]
    for column, counted in meters.items():
        gathered.rounded += counted.rounded
        for currency, total in counted.sums.items():
            key = f"{column} {currency}".strip()
            sums[key] = numbers.added(sums.get(key, 0), total)
    gathered.facts[row_set.table].add(
        row_set, _table(connection, report, rows, manifest, buckets, sent, meters, gathered.keys)
    )
    gathered.names.gather(rows, buckets.days, buckets.which.to_pylist())


def _table(
    connection: Connection,
    report: Report,
    rows: Rows,
    manifest: Manifest,
    buckets: Buckets,
    sent: dict[str, pa.Array],
    meters: dict[str, Counted],
    keys: dict[str, str],
) -> pa.Table:
    """The row set's rows in the contract's columns, and what they are split by."""
    row_set = rows.row_set
    constants = dict(row_set.constants) | {
        "connection_id": connection.id,
        "report": report.name,
        "provider": connection.provider,
        "account_id": connection.account,
        "breakdown": row_set.breakdown,
        "basis": row_set.basis,
        "load_id": manifest.load_id.replace("-", ""),
    }
    translations = {dimension.column: dimension for dimension in row_set.dimensions if dimension.values}
    known: dict[str, pa.Array] = {
        "usage_date": buckets.dates,
        "row_key": row_keys(row_set, sent, keys),
        "bucket_start": buckets.starts,
        "bucket_end": buckets.ends,
        **{
            name: translated(column, translations[name]) if name in translations else column
            for name, column in sent.items()
        },
        **{name: counted.values for name, counted in meters.items()},
    }
    schema = arrow_schema(row_set.table)
    roles = {column.name: column.role for column in contract(row_set.table).columns}
    columns = []
    for wanted in schema:
        if wanted.name in known:
            columns.append(known[wanted.name].cast(wanted.type))
        elif roles[wanted.name] == "meter":
            columns.append(pa.nulls(len(rows), wanted.type))
        else:
            columns.append(pa.repeat(pa.scalar(constants.get(wanted.name, ""), wanted.type), len(rows)))
    return with_splits(pa.table(columns, schema=schema), rows)


def _check_balances(rows: Rows) -> None:
    for balance in rows.row_set.balances:
        total, *parts = (whole_numbers(rows, path) for path in (balance.total, *balance.parts))
        difference = reduce(pc.subtract, parts, total)
        wrong = pc.index(pc.not_equal(difference, 0), True).as_py()
        if wrong >= 0:
            where = f"{rows.place(wrong)}.{balance.total}"
            addends = " + ".join(str(part[wrong]) for part in parts)
            raise errors.ContractBroken(f"{where} is {total[wrong]}, but its parts are {addends}")


def _check_owner(rows: Rows, account: str) -> None:
    """A resource of another account in the answer means that the answer is not this account's."""
    for dimension in rows.row_set.dimensions:
        own = dimension.within.replace("{account}", account)
        for path in dimension.paths if own else ():
            for value in dict.fromkeys(rows.column(path)):
                if value and "/" in value and not value.startswith(own):
                    raise errors.WrongAccount(f"{rows.row_set.name}: {value} is not of account {account}")


def _check_metered(rows: Rows, meters: dict[str, Counted]) -> None:
    """A row in which no meter is told would be lost without a word."""
    silent = reduce(pc.and_, (counted.values.is_null() for counted in meters.values()))
    number = pc.index(silent, True).as_py()
    if number >= 0:
        raise errors.MissingField(f"{rows.place(number)} meters nothing: none of {', '.join(meters)} is there")


def _notes(gathered: Gathered) -> list[Note]:
    notes = [
        Note(
            "unknown_meter" if UNKNOWN_METER.search(path.rsplit(".", 1)[-1]) else "unknown_field",
            f"the answer holds `{path}`, which is not declared; it is kept in raw",
            UNKNOWN_FIELD,
        )
        for path in sorted(gathered.unknown)
    ]
    notes += gathered.names.notes()
    if gathered.labelled:
        notes.append(
            Note("date_labels", "bucket times are local dates at 00:00 UTC, not the instants of local midnight")
        )
    if gathered.skew > CLOCKS_AGREE:
        notes.append(Note("clock_skew", "the provider's clock and this machine's differ by minutes", CLOCK))
    if gathered.rounded:
        notes.append(
            Note(
                "rounded", f"{gathered.rounded} values had more places than the ledger keeps and were rounded half-even"
            )
        )
    return notes


def _mismatch(report: Report, gathered: Gathered) -> str:
    """How the rows differ from the provider's own total: more than each amount's rounding to a nano could explain."""
    for total in report.totals:
        told = _of_column(gathered.totals, total.column)
        summed = _of_column(gathered.sums[total.table], total.column)
        zero = Decimal(0)
        differing = {key: (told.get(key, zero), summed.get(key, zero)) for key in sorted(told | summed)}
        if told and any(abs(one - other) > gathered.rows * HALF_A_NANO for one, other in differing.values()):
            text = "; ".join(f"{key} {one:f}, its rows {other:f}" for key, (one, other) in differing.items())
            return f"the provider's own total is {text}"
    return ""


def _of_column(sums: Mapping[str, int | Decimal], column: str) -> dict[str, Decimal]:
    """The sums of a column, by currency."""
    return {key.split(" ")[1]: Decimal(value) for key, value in sums.items() if key.split(" ")[0] == column}


def _evidence(gathered: Gathered) -> dict[str, dict[str, str]]:
    """The vendor's own totals over the window, exact, by currency."""
    columns = {key.split(" ")[0] for key in gathered.totals}
    return {
        f"provider_total_{column}": {key: f"{value:f}" for key, value in _of_column(gathered.totals, column).items()}
        for column in sorted(columns)
    }
