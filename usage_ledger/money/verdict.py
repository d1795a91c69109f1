"""Records what holds of each day's bill: the history of verdicts, and an event where a bill begins to differ."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.events import add_event
from usage_ledger.warehouse.schema import ensure_schema
from usage_ledger.warehouse.sql import statement

DIFFERS = "bill_differs"


@dataclass(frozen=True)
class DayVerdict:
    """What is said of one day's bill in one currency."""

    usage_date: date
    currency: str
    verdict: str
    charged: Decimal | None
    rated: Decimal | None
    residual: Decimal | None
    settled: bool
    blame: list[dict[str, Any]]
    said_at: datetime

    @property
    def cause(self) -> str:
        """The first line to blame, in words."""
        return f"{self.blame[0]['line']}: {self.blame[0]['cause']}" if self.blame else ""


def record_verdicts(engine: Engine, connection_id: str | None = None) -> int:
    """Compare the bill's days that may have changed since the last time; how many verdicts or figures are new."""
    ensure_schema(engine)
    ids = in_transaction(
        engine, lambda cursor: _column(cursor, "verdict_connections", {"connection_id": connection_id})
    )
    return sum(in_transaction(engine, lambda cursor, one=one: _record(cursor, one)) for one in ids)  # type: ignore[misc]


def day_verdicts(
    engine: Engine, connection_id: str, first: date, last: date, as_of: datetime | None = None
) -> list[DayVerdict]:
    """What is said of the connection's days, or was said at a time."""
    values = {"connection_id": connection_id, "first": first, "last": last, "as_of": as_of}

    def work(cursor: Cursor) -> list[DayVerdict]:
        cursor.execute(statement("money/verdict_days"), values)
        return [DayVerdict(*row) for row in cursor.fetchall()]

    return in_transaction(engine, work)


def runs_of(days: Iterable[date]) -> list[tuple[date, date]]:
    """The first and last day of each run of days that follow each other."""
    runs: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if runs and day - runs[-1][1] == timedelta(days=1):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def _record(cursor: Cursor, connection_id: str) -> int:
    values: dict[str, Any] = {"connection_id": connection_id}
    cursor.execute(statement("money/verdict_lock"), values)
    cursor.execute(statement("money/verdict_dates"), values)
    dates: dict[date, bool] = dict(cursor.fetchall())
    cursor.execute(statement("money/verdict_checked"), values)
    if not dates:
        return 0
    cursor.execute(statement("money/verdict_record"), values | {"dates": list(dates)})
    changed = cursor.fetchall()
    recording = str(uuid.uuid4())
    for usage_date, currency, old_verdict, old_charged, charged, old, new in changed:
        if dates[usage_date] and old_verdict and old_charged == charged and old != new:
            day = {"usage_date": usage_date, "currency": currency, "old": old, "new": new, "recording": recording}
            cursor.execute(statement("money/verdict_restate"), values | day)
    _note_differences(cursor, connection_id)
    return len(changed)


def _note_differences(cursor: Cursor, connection_id: str) -> None:
    """One event for each run of days whose bill differs; closed where its first day no longer does."""
    values = {"connection_id": connection_id}
    cursor.execute(statement("money/verdict_differing"), values)
    rows = cursor.fetchall()
    runs = runs_of(row[0] for row in rows)
    noted = set(_column(cursor, "verdict_open_events", values))
    over = [day for day in noted if not any(first <= day <= last for first, last in runs)]
    cursor.execute(statement("money/verdict_close_events"), values | {"dates": over})
    for first, last in runs:
        if any(first <= day <= last for day in noted):
            continue
        line, cause = next(row[3:] for row in rows if row[0] == first)
        sums: dict[str, Decimal] = {}
        for row in rows:
            if first <= row[0] <= last:
                sums[row[1]] = sums.get(row[1], Decimal()) + (row[2] or 0)
        money = ", ".join(f"{amount:+.2f} {code}" for code, amount in sorted(sums.items()))
        days = f"{first}" if first == last else f"{first} to {last}"
        add_event(
            cursor,
            connection_id,
            kind=DIFFERS,
            severity="warning",
            usage_date=first,
            message=f"the bill of {days} differs from what was metered by {money}; first {line}: {cause}",
            next_step=f"usage-ledger reconcile {connection_id} --from {first} --to {last}",
        )


def _column(cursor: Cursor, name: str, values: dict[str, Any]) -> list[Any]:
    cursor.execute(statement(f"money/{name}"), values)
    return [row[0] for row in cursor.fetchall()]
