"""The load transaction: makes every usage date of a window equal to the staged rows, or changes nothing.

Under one advisory lock for connection and report: stage, compare, hold what vanished, skip what is older than the
ledger, write restatements, delete, update, insert, record the days, prove the sums, commit.
"""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.csv
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.core.contracts import Contract
from usage_ledger.core.errors import ConservationBroken, Vanished
from usage_ledger.core.windows import Window, day_bounds
from usage_ledger.storage.staged import Staged
from usage_ledger.warehouse.contracts import contract
from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.loads import add_event, execute
from usage_ledger.warehouse.sql import statement

CONFIRMED_AFTER = timedelta(hours=1)
"""A second empty answer this much later confirms that a day is empty."""


@dataclass(frozen=True)
class Incoming:
    """A staged load, ready to enter the ledger. `tables` are the fact tables of the report, empty ones too."""

    load_id: str
    connection_id: str
    report: str
    window: Window
    day_zone: ZoneInfo
    fetched_at: datetime
    declaration: str
    lookback: timedelta
    tables: Mapping[str, pa.Table]
    names: pa.Table | None
    staged: Staged
    has_days: bool = True
    released: frozenset[date] = frozenset()
    """Dates that somebody accepted although they came back empty."""


@dataclass
class Outcome:
    """What a load did. `changed` counts written rows by table; `held` and `superseded` are dates left alone."""

    state: str
    changed: dict[str, int] = field(default_factory=dict)
    held: list[date] = field(default_factory=list)
    superseded: list[date] = field(default_factory=list)
    rows: int = 0


def enter(engine: Engine, incoming: Incoming) -> Outcome:
    """Bring a staged load into the ledger, whole. Raises `ConservationBroken`, `WarehouseDown`, `WarehouseRefused`."""
    months = {day.replace(day=1) for day in incoming.window}
    for table in incoming.tables:
        for month in sorted(months):
            values = {"fact": table, "month": month}
            execute(engine, "ops/ensure_month", values)
    return in_transaction(engine, lambda cursor: _enter(cursor, incoming))


def _enter(cursor: Cursor, incoming: Incoming) -> Outcome:
    values = _values(incoming)
    cursor.execute(statement("load/session"))
    cursor.execute(statement("load/lock"), values)
    cursor.execute(statement("load/state"), values)
    told = cursor.fetchone() in [("loaded",), ("held",), ("superseded",)]  # committed before; a person knows
    staged_rows: dict[date, int] = dict.fromkeys(incoming.window, 0)
    standing_rows = dict(staged_rows)
    for name, table in incoming.tables.items():
        _stage(cursor, contract(name), table)
        cursor.execute(statement("load/rows_by_date", contract(name)), values)
        for day, staged, standing in cursor.fetchall():
            staged_rows[day] += staged
            standing_rows[day] += standing
    outcome = Outcome("loaded", rows=sum(staged_rows.values()))
    if incoming.has_days:
        dates = _accepted(cursor, incoming, staged_rows, standing_rows, outcome, told=told)
        for name in incoming.tables:
            outcome.changed[name] = _replace(cursor, contract(name), values | {"dates": dates})
        _record_days(cursor, incoming, dates, staged_rows)
        _prove(cursor, incoming, dates)
        if outcome.held:
            outcome.state = "held"
        elif outcome.superseded and not dates:
            outcome.state = "superseded"
    if incoming.names is not None:
        outcome.changed["name"] = _names(cursor, incoming, incoming.names)
    for note in () if told else incoming.staged.notes:
        add_event(
            cursor,
            incoming.connection_id,
            kind=note.kind,
            severity="warning",
            message=note.message,
            next_step=note.next_step,
            report=incoming.report,
            load_id=incoming.load_id,
            once=True,
        )
    sums = {name: {"rows": table.rows, **table.sums} for name, table in incoming.staged.tables.items()}
    cursor.execute(
        statement("load/finish"), values | {"state": outcome.state, "row_count": outcome.rows, "sums": json.dumps(sums)}
    )
    return outcome


def _values(incoming: Incoming) -> dict[str, Any]:
    return {
        "connection_id": incoming.connection_id,
        "report": incoming.report,
        "first": incoming.window.first,
        "end": incoming.window.end,
        "load_id": incoming.load_id,
        "declaration": incoming.declaration,
        "fetched_at": incoming.fetched_at,
    }


def _stage(cursor: Cursor, table: Contract, rows: pa.Table) -> None:
    cursor.execute(statement("load/stage", table))
    copy_rows(cursor, statement("load/copy", table).as_string(cursor), rows)
    cursor.execute(statement("load/analyze", table))


def copy_rows(cursor: Cursor, copy: str, rows: pa.Table) -> None:
    """`COPY … FROM STDIN (FORMAT csv)` of an Arrow table: null is nothing, an empty text is quoted."""
    sink = io.BytesIO()
    pa.csv.write_csv(rows, sink, pa.csv.WriteOptions(include_header=False))
    sink.seek(0)
    cursor.copy_expert(copy, sink)


def _accepted(
    cursor: Cursor,
    incoming: Incoming,
    staged_rows: Mapping[date, int],
    standing_rows: Mapping[date, int],
    outcome: Outcome,
    *,
    told: bool,
) -> list[date]:
    """The dates to replace: not those that newer data stand for, nor those that came back empty for the first time."""
    cursor.execute(statement("load/known_days"), _values(incoming))
    known = {day: (state, fetched_at, evidence) for day, state, fetched_at, evidence in cursor.fetchall()}
    dates = []
    for day in incoming.window:
        _, fetched_at, evidence = known.get(day, ("", None, {}))
        held_since = datetime.fromisoformat(evidence["held_since"]) if "held_since" in evidence else None
        if fetched_at is not None and fetched_at > incoming.fetched_at:
            outcome.superseded.append(day)
        elif standing_rows[day] and not staged_rows[day] and not _confirms(incoming, day, held_since):
            outcome.held.append(day)
            _hold(cursor, incoming, day, held_since)
            if not told:
                _tell_held(cursor, incoming, day, standing_rows[day])
        else:
            dates.append(day)
    return dates


def _confirms(incoming: Incoming, day: date, held_since: datetime | None) -> bool:
    if day in incoming.released:
        return True
    return held_since is not None and incoming.fetched_at - held_since >= CONFIRMED_AFTER


def _hold(cursor: Cursor, incoming: Incoming, day: date, held_since: datetime | None) -> None:
    since = min(held_since or incoming.fetched_at, incoming.fetched_at)
    evidence = {"held_since": since.isoformat(), "held_load_id": incoming.load_id}
    values = {
        "connection_id": incoming.connection_id,
        "report": incoming.report,
        "usage_date": day,
        "evidence": json.dumps(evidence),
    }
    cursor.execute(statement("load/hold_day"), values)


def _tell_held(cursor: Cursor, incoming: Incoming, day: date, standing: int) -> None:
    add_event(
        cursor,
        incoming.connection_id,
        kind="vanished",
        severity="warning",
        message=f"{day} came back without any row; the {standing} rows that stand are kept",
        next_step=Vanished.remedy,
        report=incoming.report,
        usage_date=day,
        load_id=incoming.load_id,
    )


def _replace(cursor: Cursor, table: Contract, values: dict[str, Any]) -> int:
    """Make the dates equal to the staged rows; how many rows were written or removed."""
    values = values | {"table_name": table.table}
    cursor.execute(statement("load/restatements", table), values)
    changed = 0
    for name in ("load/delete", "load/update", "load/insert"):
        cursor.execute(statement(name, table), values)
        changed += cursor.rowcount
    return changed


def _record_days(cursor: Cursor, incoming: Incoming, dates: Iterable[date], staged_rows: Mapping[date, int]) -> None:
    for day in dates:
        begins, ends = day_bounds(day, incoming.day_zone)
        if begins == ends:
            continue  # a date that the zone skipped
        cursor.execute(
            statement("load/day"),
            {
                "connection_id": incoming.connection_id,
                "report": incoming.report,
                "usage_date": day,
                "day_zone": incoming.day_zone.key,
                "state": "loaded" if staged_rows[day] else "empty",
                "load_id": incoming.load_id,
                "fetched_at": incoming.fetched_at,
                "row_count": staged_rows[day],
                "settled": incoming.fetched_at >= ends + incoming.lookback,
                "evidence": json.dumps(incoming.staged.evidence),
            },
        )


def _prove(cursor: Cursor, incoming: Incoming, dates: list[date]) -> None:
    """Raw = Parquet = staged rows, over the window; staged rows = ledger, over the dates that were replaced."""
    for name in incoming.tables:
        table = contract(name)
        counted = incoming.staged.tables[name]
        raw = {key: Decimal(value) for key, value in counted.sums.items()}
        whole = _sums(cursor, "load/sums_staged", table, incoming, list(incoming.window))
        _equal(f"{name}: raw and staged rows", {"rows": Decimal(counted.rows), **raw}, whole)
        taken = _sums(cursor, "load/sums_staged", table, incoming, dates)
        standing = _sums(cursor, "load/sums_ledger", table, incoming, dates)
        _equal(f"{name}: staged rows and ledger", taken, standing)


def _sums(cursor: Cursor, name: str, table: Contract, incoming: Incoming, dates: list[date]) -> dict[str, Decimal]:
    cursor.execute(statement(name, table), _values(incoming) | {"dates": dates})
    found: dict[str, Decimal] = {"rows": Decimal(0)}
    for currency, rows, *sums in cursor.fetchall():
        found["rows"] += rows
        for meter, total in zip(table.names("meter"), sums, strict=True):
            if total is not None:
                found[f"{meter} {currency}".strip()] = total
    return found


def _equal(what: str, one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> None:
    differing = [key for key in sorted(one.keys() | other.keys()) if one.get(key) != other.get(key)]
    if differing:
        told = "; ".join(f"{key} {one.get(key)} and {other.get(key)}" for key in differing[:5])
        raise ConservationBroken(f"sums differ between {what} ({told})")


def _names(cursor: Cursor, incoming: Incoming, names: pa.Table) -> int:
    cursor.execute(statement("load/names_lock"), _values(incoming))
    cursor.execute(statement("load/names_stage"))
    stamp = pa.repeat(pa.scalar(incoming.fetched_at, pa.timestamp("us", tz="UTC")), names.num_rows)
    copy = statement("load/names_copy", contract("name_observation")).as_string(cursor)
    copy_rows(cursor, copy, names.append_column("fetched_at", stamp))
    cursor.execute(statement("load/names_observe"))
    cursor.execute(statement("load/names_interval"))
    cursor.execute(statement("load/names_delete"))
    changed = cursor.rowcount
    cursor.execute(statement("load/names_insert"))
    return changed + cursor.rowcount
