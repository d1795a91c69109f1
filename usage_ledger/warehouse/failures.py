"""Usage dates that cannot be loaded: `ops.day` and `ops.event` say what is wrong with each, row and field included."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.core.contract_errors import ContractBroken
from usage_ledger.core.error_classes import ERROR_CLASSES
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.failed_dates import FailedDates
from usage_ledger.core.windows import Window
from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.events import add_event
from usage_ledger.warehouse.sql import statement

MOST_EVENTS = 10
"""Dates of a load that get an event of their own; the others share one."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The load that failed on some dates."""

    connection_id: str
    report: str
    load_id: str
    day_zone: str
    fetched_at: datetime | None


def record_failed_dates(
    cursor: Cursor, attempt: Attempt, by_date: Mapping[date, ContractBroken], *, next_step: str, step: str
) -> None:
    """Say of each date what is wrong: one that was never loaded becomes `failed`, any other keeps state and rows.

    Nothing is said of a date that the ledger has a newer answer of.
    """
    values = {
        "connection_id": attempt.connection_id,
        "report": attempt.report,
        "day_zone": attempt.day_zone,
        "fetched_at": attempt.fetched_at,
    }
    failed: list[date] = []
    for day, error in sorted(by_date.items()):
        evidence = evidence_of(error, attempt.load_id)
        cursor.execute(statement("ops/fail_day"), values | {"usage_date": day, "evidence": evidence})
        failed += [day] if cursor.rowcount else []
    for day in failed[:MOST_EVENTS]:
        error = by_date[day]
        _add(cursor, attempt, f"{day}: {type(error).__name__}: {error.what}", next_step, "date_failed", day)
    if others := failed[MOST_EVENTS:]:
        text = f"{len(others)} more dates from {others[0]} to {others[-1]} failed; ops.day says why, date by date"
        _add(cursor, attempt, text, next_step, f"{step}_failed", None)


def evidence_of(error: UsageLedgerError, load_id: str, *, whole_answer: bool = False) -> str:
    """What `ops.day.evidence` says of a failure, as JSON. `whole_answer`: it is of no date more than of another."""
    failed = {"error_class": type(error).__name__, "message": error.what, "load_id": load_id}
    return json.dumps({"failed": failed | ({"whole_answer": True} if whole_answer else {})})


def failed_dates(
    engine: Engine, connection_id: str, report: str, window: Window, *, contradicted: bool = False
) -> FailedDates:
    """The dates of a window whose newest answer failed; with `contradicted` also those that contradict a total."""
    values = {
        "connection_id": connection_id,
        "report": report,
        "first": window.first,
        "end": window.end,
        "classes": [name for name, kind in ERROR_CLASSES.items() if issubclass(kind, ContractBroken)],
    }
    with transaction(engine) as cursor:
        cursor.execute(statement("ops/failed_dates"), values)
        rows = cursor.fetchall()
        if contradicted:
            cursor.execute(statement("ops/contradicted_dates"), values)
            rows += [(day, False, True) for (day,) in cursor.fetchall()]
    return FailedDates(
        frozenset(day for day, unloaded, _ in rows if unloaded), frozenset(day for day, _, whole in rows if whole)
    )


def _add(cursor: Cursor, attempt: Attempt, message: str, next_step: str, kind: str, day: date | None) -> None:
    add_event(
        cursor,
        attempt.connection_id,
        kind=kind,
        severity="error",
        message=message,
        next_step=next_step,
        report=attempt.report,
        usage_date=day,
        load_id=attempt.load_id,
    )
