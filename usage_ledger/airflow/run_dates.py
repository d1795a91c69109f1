"""The usage dates of a Dag run: what its type, its params, its logical date and its data interval say."""

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from usage_ledger.airflow.timetable import UsageDay, nearest_midnight
from usage_ledger.connections import Connection
from usage_ledger.core.errors import BadWindow, UsageLedgerError
from usage_ledger.core.windows import DAY, Window, last_complete_date, local_date
from usage_ledger.pipeline.plan import Dates, requested_dates

log = logging.getLogger(__name__)

QUARTER = timedelta(minutes=15)
"""Midnight of every time zone is a whole quarter of an hour in UTC."""
ONE_SOURCE = "give the usage dates once: as `from` and `to`, or as the logical date, or as the data interval"


def dates_of_run(connection: Connection, run: Any, params: Mapping[str, Any], now: datetime) -> Dates:
    """The usage dates of a Dag run. Raises `BadWindow`.

    A scheduled run heals: look-back and gaps. A backfill run takes its own day, also where the form's run parameters
    name the backfill's range once more. A manual run takes `from` and `to`, else the logical date or the data interval
    that a person gave, else the last complete usage date. A logical date that is not over yet, as the trigger form
    fills it in, is no choice.
    """
    ignored = sorted(set(params) - {"from", "to"})
    if ignored:
        log.info("params that name no usage date are ignored: %s", ", ".join(repr(name[:40]) for name in ignored[:20]))
    named = {name: params.get(name) for name in ("from", "to")}
    try:
        if run.run_type in ("scheduled", "backfill"):
            return _automatic(connection, run, named, now)
        return _manual(connection, run, named, now)
    except UsageLedgerError as error:
        raise error.about(connection=connection.id) from None


def described(dates: Dates) -> str:
    """The dates as a person reads them."""
    days = str(Window(dates.first, dates.last + DAY))
    return f"usage dates {days}{', the look-back and what the ledger lacks' if dates.heal else ''}"


def _automatic(connection: Connection, run: Any, named: Mapping[str, Any], now: datetime) -> Dates:
    day = run.data_interval_start.astimezone(UTC).date()
    if any(value is not None for value in named.values()):
        span = requested_dates(named["from"], named["to"], now=now, connection=connection)
        if run.run_type != "backfill" or not span.first <= day <= span.last:
            raise BadWindow(
                f"this run loads {day}, and its parameters `from` and `to` say {Window(span.first, span.last + DAY)}",
                next_step="leave both empty in a backfill: the form's own dates say which it loads",
            )
        log.info("the parameters `from` and `to` change nothing: a run of a backfill loads its own usage date")
    return Dates(day, day, heal=run.run_type == "scheduled")


def _manual(connection: Connection, run: Any, named: Mapping[str, Any], now: datetime) -> Dates:
    sources: dict[str, Dates] = {}
    if any(value is not None for value in named.values()):
        sources["`from` and `to`"] = requested_dates(named["from"], named["to"], now=now, connection=connection)
    if interval := _interval_dates(connection, run):
        sources["the data interval"] = interval
    if (day := _logical_date(connection, run)) and not (interval and day == interval.first):
        sources["the logical date"] = Dates(day, day)
    if len(set(sources.values())) > 1:
        texts = (f"{name} is {Window(one.first, one.last + DAY)}" for name, one in sources.items())
        raise BadWindow(f"the run names usage dates that differ: {'; '.join(texts)}", next_step=ONE_SOURCE)
    chosen = next(iter(sources.values()), None)
    if chosen is None:
        return requested_dates(None, None, now=run.run_after, connection=connection)
    return requested_dates(chosen.first, chosen.last, now=now, connection=connection)


def _interval_dates(connection: Connection, run: Any) -> Dates | None:
    """The dates of a data interval that a person gave; None for one that the timetable inferred."""
    start, end = run.data_interval_start, run.data_interval_end
    if start is None or end is None:
        return None
    timetable = UsageDay(f"{connection.at:%H:%M}", connection.timezone)
    instants = [run.run_after] if run.logical_date is None else [run.run_after, run.logical_date]
    inferred = {timetable.newest(instant) for instant in instants}
    inferred |= {timetable.infer_manual_data_interval(run_after=instant).start.date() for instant in instants}
    first, last = nearest_midnight(start), nearest_midnight(end) - DAY
    if first in inferred and end == timetable.due(first):
        return None
    return Dates(first, max(first, last))


def _logical_date(connection: Connection, run: Any) -> date | None:
    """The usage date of a logical date that a person chose; None for one that is not over yet, such as now.

    Airflow stores an instant alone: the date is that of UTC, unless the instant may be midnight of another zone. Raises
    `BadWindow` where it may be one date as well as another, or is in the future.
    """
    instant: datetime | None = run.logical_date
    if instant is None:
        return None
    in_utc, local = instant.astimezone(UTC), instant.astimezone(connection.zone)
    newest = last_complete_date(run.run_after, connection.zone)
    if in_utc > run.run_after.astimezone(UTC) + DAY:
        raise BadWindow(f"the logical date {in_utc:%Y-%m-%d %H:%M} UTC is in the future", next_step=ONE_SOURCE)
    if max(local_date(instant, connection.zone), in_utc.date() if in_utc.time() == time.min else newest) > newest:
        return None
    if in_utc.time() == time.min:
        return in_utc.date()
    if local.time() == time.min:
        return local.date()
    candidates = {in_utc.date(), local.date()}
    if not (in_utc - datetime.min.replace(tzinfo=UTC)) % QUARTER:
        candidates.add(nearest_midnight(instant))
    if len(candidates) > 1:
        texts = " or ".join(str(day) for day in sorted(candidates))
        raise BadWindow(f"the logical date {in_utc:%Y-%m-%d %H:%M} UTC may mean {texts}", next_step=ONE_SOURCE)
    return candidates.pop()
