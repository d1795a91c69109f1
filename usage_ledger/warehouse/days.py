"""The ledger of days: which dates of a load are taken, which are held, and what is known of each afterwards."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.core.windows import day_bounds
from usage_ledger.warehouse.events import add_event, close_date_events
from usage_ledger.warehouse.incoming import Incoming, Outcome
from usage_ledger.warehouse.sql import statement

CONFIRMED_AFTER = timedelta(hours=1)
"""A second answer that says that a date is empty, fetched this much later, confirms it."""
STOPPED = (
    "see whether the use of the account ended: a key that lost a right, a renamed account or a workload that moved "
    "looks the same; when it did end, nothing is to be done"
)


class Hold(Enum):
    """Why a date is held: its answer contradicts the ledger, which stays until a later answer ends the hold.

    The value is `held_for` in the evidence of `ops.day`.
    """

    VANISHED = "Vanished"
    """A date that held rows, or is held, came back without any: the same answer an hour later confirms it."""
    TOTALS_MISMATCH = "TotalsMismatch"
    """The rows, or that there are none, contradict the provider's own total: no repetition confirms it. It ends with
    rows that agree with the total, or when a person releases it."""


REMEDIES = {
    Hold.VANISHED: "the old rows stay until a second fetch an hour or more later confirms it, or "
    "`usage-ledger release` does",
    Hold.TOTALS_MISMATCH: "compare with the provider's console; rows that agree with the total end it, and "
    "`usage-ledger release` takes these",
}


@dataclass(frozen=True)
class DayState:
    """What `ops.day` says of a date."""

    state: str = ""
    fetched_at: datetime | None = None
    evidence: dict[str, Any] = field(default_factory=dict)

    def held_after(self, fetched_at: datetime) -> bool:
        """Whether the date is held for an answer that was fetched later."""
        held_at = self.evidence.get("held_at", self.evidence.get("held_since")) if self.state == "held" else None
        return held_at is not None and datetime.fromisoformat(held_at) > fetched_at


def day_states(cursor: Cursor, incoming: Incoming) -> dict[date, DayState]:
    """The states of the load's dates; none for a date never tried."""
    cursor.execute(statement("load/day_states"), incoming.values)
    return {day: DayState(state, fetched_at, evidence) for day, state, fetched_at, evidence in cursor.fetchall()}


def accepted(
    cursor: Cursor,
    incoming: Incoming,
    states: Mapping[date, DayState],
    staged_rows: Mapping[date, int],
    current_rows: Mapping[date, int],
    outcome: Outcome,
    *,
    already_committed: bool,
) -> list[date]:
    """The dates to replace: not those that failed, that the ledger has newer data of, or that contradict it.

    Such a date is held until a later answer ends that, or somebody releases it. `already_committed`: a replay of this
    load, whose events are written.
    """
    dates = []
    for day in incoming.window:
        before = states.get(day, DayState())
        cause = _contradiction(incoming, before, staged_rows[day], current_rows[day])
        if before.fetched_at is not None and before.fetched_at > incoming.fetched_at:
            outcome.superseded.append(day)
        elif day in incoming.staged.failed:
            outcome.failed.append(day)
        elif cause and not _confirms(incoming, day, before, cause):
            outcome.held.append(day)
            _hold(cursor, incoming, day, before, cause)
            if cause is Hold.VANISHED and current_rows[day] and not already_committed:
                _tell_vanished(cursor, incoming, day, current_rows[day])
        else:
            dates.append(day)
    if incoming.staged.mismatch and (outcome.held or incoming.released) and not already_committed:
        _tell_mismatch(cursor, incoming, outcome)
    return dates


def _contradiction(incoming: Incoming, before: DayState, staged: int, current: int) -> Hold | None:
    """The total goes first: an answer that contradicts it confirms nothing, and rows without one end no such hold.

    A date that was released has the difference in its evidence: the same one is no news.
    """
    difference = incoming.staged.evidence.get("total_difference")
    if incoming.staged.mismatch and (difference is None or difference != before.evidence.get("total_difference")):
        return Hold.TOTALS_MISMATCH
    if staged:
        doubted = before.state == "held" and before.evidence.get("held_for") == Hold.TOTALS_MISMATCH.value
        return Hold.TOTALS_MISMATCH if doubted and not incoming.staged.agrees else None
    return Hold.VANISHED if current or before.state == "held" else None


def _held_since(before: DayState, cause: Hold) -> datetime | None:
    """Since when a date is held for this cause."""
    if before.evidence.get("held_for") != cause.value:
        return None
    return datetime.fromisoformat(before.evidence["held_since"])


def _confirms(incoming: Incoming, day: date, before: DayState, cause: Hold) -> bool:
    """Whether the date is taken all the same: a person released it, or a whole answer says again that it is empty.

    One that comes from before what the provider stores does not say so.
    """
    if day in incoming.released:
        return True
    since = _held_since(before, cause) if cause is Hold.VANISHED else None
    return since is not None and day not in incoming.staged.open and incoming.fetched_at - since >= CONFIRMED_AFTER


def _hold(cursor: Cursor, incoming: Incoming, day: date, before: DayState, cause: Hold) -> None:
    since = min(_held_since(before, cause) or incoming.fetched_at, incoming.fetched_at)
    evidence = {"held_for": cause.value, "held_since": since.isoformat()}
    if not before.held_after(incoming.fetched_at):
        evidence |= {"held_at": incoming.fetched_at.isoformat(), "held_load_id": incoming.load_id}
    values = {"usage_date": day, "day_zone": incoming.day_zone.key, "evidence": json.dumps(evidence)}
    cursor.execute(statement("load/hold_day"), incoming.values | values)


def tell(cursor: Cursor, incoming: Incoming, kind: str, message: str, next_step: str, day: date | None = None) -> None:
    """A warning about a load."""
    add_event(
        cursor,
        incoming.connection_id,
        kind=kind,
        severity="warning",
        message=message,
        next_step=next_step,
        report=incoming.report,
        usage_date=day,
        load_id=incoming.load_id,
    )


def _tell_vanished(cursor: Cursor, incoming: Incoming, day: date, current: int) -> None:
    message = f"{day} came back without any row; the {current} rows in the ledger are kept"
    tell(cursor, incoming, "vanished", message, REMEDIES[Hold.VANISHED], day)


def _tell_mismatch(cursor: Cursor, incoming: Incoming, outcome: Outcome) -> None:
    done = f"{len(outcome.held)} dates are held" if outcome.held else "the dates were released, so the rows were taken"
    tell(cursor, incoming, "totals_mismatch", f"{incoming.staged.mismatch}; {done}", REMEDIES[Hold.TOTALS_MISMATCH])


def record_days(
    cursor: Cursor,
    incoming: Incoming,
    dates: Iterable[date],
    states: Mapping[date, DayState],
    staged_rows: Mapping[date, int],
) -> None:
    """Say of each replaced date what the ledger holds now, and tell a person where rows stopped coming."""
    dates = list(dates)
    close_date_events(cursor, incoming, dates, staged_rows)
    for day in dates:
        begins, ends = day_bounds(day, incoming.day_zone)
        if begins == ends:
            continue  # a date that the zone skipped
        before = states.get(day, DayState())
        state = "loaded" if staged_rows[day] else "empty"
        still_open = incoming.staged.open.get(day, 0)
        evidence = incoming.staged.evidence | ({"open": still_open} if still_open else {})
        if day in incoming.staged.points:
            evidence |= {"points": incoming.staged.points[day]}
        if before.held_after(incoming.fetched_at):
            state = "held"
            evidence |= {name: value for name, value in before.evidence.items() if name.startswith("held_")}
        values = {
            "usage_date": day,
            "day_zone": incoming.day_zone.key,
            "state": state,
            "row_count": staged_rows[day],
            "settled": not still_open and incoming.fetched_at >= ends + incoming.lookback,
            "evidence": json.dumps(evidence),
        }
        cursor.execute(statement("load/day"), incoming.values | values)
        if state == "empty" and before.state != "empty":
            _tell_stopped(cursor, incoming, day)


def _tell_stopped(cursor: Cursor, incoming: Incoming, day: date) -> None:
    """Dates without rows where the weekday or three in a row say that use did not just rest; once until rows come."""
    cursor.execute(statement("load/rows_stopped"), incoming.values | {"usage_date": day})
    for before, rows in cursor.fetchall():
        tell(cursor, incoming, "rows_stopped", f"{day} has no rows, though {before} had {rows}", STOPPED, day)
