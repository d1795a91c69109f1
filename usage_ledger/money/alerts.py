"""What a person should hear of: read from the marts, written to `ops.alert` once, sent to whom it concerns."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import Json
from sqlalchemy import Engine

from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.redaction import redact
from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.sql import statement

log = logging.getLogger(__name__)

FINDERS = {
    "budget": ("money/find_budgets", ""),
    "anomaly": ("money/find_anomalies", "connection"),
    "team_anomaly": ("money/find_anomalies", "team"),
    "bill_differs": ("money/find_events", "bill_differs"),
    "price_conflict": ("money/find_events", "price_conflict"),
    "connection": ("money/find_connections", ""),
}
"""The statement that finds each kind, and of what."""
KEY = ("kind", "name", "period", "level", "currency")
Send = Callable[[str, str, str], None]
"""Sends a subject and a text by the Airflow connection of that id."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How many findings are new, how many have ended, and what could not be evaluated."""

    raised: int
    cleared: int
    failures: tuple[UsageLedgerError, ...]


def evaluate(engine: Engine, today: date) -> Evaluation:
    """Write the findings of each kind to `ops.alert`; a kind that cannot be evaluated keeps its alerts as they are."""
    raised, cleared, failures = 0, 0, []
    for kind in FINDERS:
        try:
            new, ended = in_transaction(engine, lambda cursor, kind=kind: _evaluate(cursor, kind, today))  # type: ignore[misc]
        except UsageLedgerError as error:
            failures.append(error)
        else:
            raised, cleared = raised + new, cleared + ended
    return Evaluation(raised, cleared, tuple(failures))


def _evaluate(cursor: Cursor, kind: str, today: date) -> tuple[int, int]:
    name, scope = FINDERS[kind]
    cursor.execute(statement("money/alerts_lock"))
    cursor.execute(statement(name), {"today": today, "scope": scope})
    findings = [{**one, "kind": kind} for one in _records(cursor)]
    new = 0
    for finding in findings:
        cursor.execute(statement("money/alert_raise"), finding)
        if cursor.fetchone() == (True,):
            new += 1
            log.warning("%s", finding["message"])
    keys = [[finding["name"], str(finding["period"]), finding["level"], finding["currency"]] for finding in findings]
    cursor.execute(statement("money/alerts_clear"), {"kind": kind, "keys": Json(keys)})
    return new, cursor.rowcount


def deliver(engine: Engine, default: Sequence[str], send: Send) -> list[str]:
    """Send what is unsent: one message for each that is to be notified. Returns a sentence for each that failed.

    What could not be sent is sent by the next call; nobody gets the same alert twice.
    """
    alerts = in_transaction(engine, _unsent)
    targets = {_key(alert): list(alert["notify"] or default) for alert in alerts}
    failures = []
    for target in sorted({name for names in targets.values() for name in names}):
        mine = [one for one in alerts if target in targets[_key(one)] and target not in one["sent_to"]]
        if not mine:
            continue
        try:
            send(target, *message_of(mine))
        except Exception as error:  # noqa: BLE001  each notifier's library has its own
            failures.append(
                f"{target} was not notified of {_count(mine)}: {redact(str(error)) or type(error).__name__}"
            )
            continue
        in_transaction(engine, lambda cursor, mine=mine, target=target: _mark(cursor, mine, target, targets))  # type: ignore[misc]
    return failures


def message_of(alerts: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """Subject and text of a message."""
    lines = [
        f"- {one['message']}" + (f"\n  Next step: {one['next_step']}" if one["next_step"] else "") for one in alerts
    ]
    subject = alerts[0]["message"] if len(alerts) == 1 else _count(alerts)
    return redact(f"Usage Ledger: {subject}"[:200]), redact("\n".join(lines))


def _unsent(cursor: Cursor) -> list[dict[str, Any]]:
    cursor.execute(statement("money/alerts_unsent"))
    return list(_records(cursor))


def _mark(
    cursor: Cursor, alerts: Sequence[dict[str, Any]], target: str, targets: dict[tuple[Any, ...], list[str]]
) -> None:
    for alert in alerts:
        cursor.execute(statement("money/alert_sent"), alert | {"target": target, "targets": targets[_key(alert)]})


def _records(cursor: Cursor) -> Iterator[dict[str, Any]]:
    names = [column.name for column in cursor.description or ()]
    return (dict(zip(names, row, strict=True)) for row in cursor.fetchall())


def _key(alert: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(alert[name] for name in KEY)


def _count(alerts: Sequence[object]) -> str:
    return f"{len(alerts)} alert{'s' if len(alerts) > 1 else ''}"
