"""Which usage dates a run takes, and into which windows they are cut."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from usage_ledger.connections import Connection
from usage_ledger.core.errors import BadWindow, OutOfReach
from usage_ledger.core.failed_dates import FailedDates
from usage_ledger.core.windows import DAY, Window, cut, last_complete_date
from usage_ledger.model.provider import Report

MOST_ALONE = 31
"""Dates that a run asks for one by one; older ones share windows again."""
NONE_FAILED = FailedDates()
EARLIEST = date(2015, 1, 1)
ALL = date.max - date.min
UNSETTLED_FOR = timedelta(days=60)
"""How long after its look-back an unsettled date is read again: what a provider never closes, or no longer tells, would
be asked for without end."""


@dataclass(frozen=True, slots=True)
class Dates:
    """What a run asks for: all dates `first` to `last`; `heal` adds the look-back and what the ledger lacks."""

    first: date
    last: date
    heal: bool = False


def requested_dates(first: object, last: object, *, now: datetime, connection: Connection) -> Dates:
    """The range of a manual run or of `usage-ledger run`, both ends included. Raises `BadWindow`."""
    begin = None if first is None else _day(first, "from")  # each by itself before both together
    end = None if last is None else _day(last, "to")
    if (begin is None) != (end is None):
        raise BadWindow("only one of `from` and `to` is given", next_step="give both, or neither")
    newest = last_complete_date(now, connection.zone)
    if begin is None or end is None:
        return Dates(newest, newest)
    if begin > end:
        raise BadWindow(f"`from` {begin} is after `to` {end}", next_step="swap them")
    if end > newest:
        raise BadWindow(
            f"`to` {end} is not over yet in {connection.timezone}",
            next_step=f"the last complete usage date is {newest}",
        )
    if begin < EARLIEST:
        raise BadWindow(f"`from` {begin} is before {EARLIEST}", next_step="begin later")
    return Dates(begin, end)


def reach_start(report: Report, zone: ZoneInfo, now: datetime) -> date:
    """The oldest date that the vendor answers for."""
    reached = last_complete_date(now, zone) + DAY - report.reach if report.reach else EARLIEST
    return max(reached, report.begins or EARLIEST)


def require_reach(connection: Connection, report: Report, window: Window, *, now: datetime) -> None:
    """Raises `OutOfReach` for a window with dates that the vendor no longer answers for."""
    oldest = reach_start(report, connection.day_zone(report), now)
    if report.reach and not report.snapshot and window.first < oldest:
        raise OutOfReach(
            f"{connection.declared.title} answers for the last {report.reach.days} complete dates only, now since "
            f"{oldest}; older ones were not asked for",
            connection=connection.id,
            report=report.name,
            window=str(window),
            next_step=report.older,
        )


def windows(
    dates: Dates,
    connection: Connection,
    report: Report,
    recorded: Mapping[date, bool],
    *,
    now: datetime,
    failed: FailedDates = NONE_FAILED,
    touched: Set[date] = frozenset(),
) -> list[Window]:
    """The fewest windows of a report that cover the dates and are over at `now`.

    `recorded` are the dates that the ledger can speak of, and whether each is unsettled: a date whose look-back ran out
    while nothing ran still has the figures of an early reading, and is read again. A report of UTC days takes completed
    UTC days alone: east of Greenwich that may leave the newest date to the next run. Dates beyond the report's reach
    are windows of their own, which are never requested. A scheduled run takes failed dates again, and those whose
    answer was wrong as a whole each alone, so that one keeps no other from loading. `touched` dates, which got rows
    after they were read, are taken however old they are.
    """
    zone = connection.day_zone(report)
    newest = min(dates.last, last_complete_date(now, zone))
    reached = reach_start(report, zone, now)
    days = set(Window(dates.first, max(newest, dates.first - DAY) + DAY))
    late: set[date] = set()
    alone: list[date] = []
    if dates.heal:
        lacking, late = _dates_to_heal(dates, connection, report, recorded, failed, newest=newest, reached=reached)
        days |= lacking
        late |= {day for day in touched if reached <= day <= newest}
        alone = sorted(day for day in (days | late) & failed.of_whole_answers if day >= reached)[-MOST_ALONE:]
    days, late = days.difference(alone), late.difference(alone)
    too_old = cut({day for day in days if day < reached}, ALL, zone)
    broken = failed.of_whole_answers
    windows_of_days = [*too_old, *_cut_around({day for day in days if day >= reached}, broken, report.longest, zone)]
    late = {day for day in late if not any(day in window for window in windows_of_days)}
    # In windows of their own: one that cannot be read any more would keep the new dates from coming.
    late_windows = _cut_around(late, broken, report.longest, zone)
    return sorted([*windows_of_days, *late_windows, *(Window(day, day + DAY) for day in alone)])


def _cut_around(days: Set[date], broken: Set[date], longest: timedelta, zone: ZoneInfo) -> list[Window]:
    """The fewest windows that cover the days, and none of the `broken` dates that lie between them."""
    runs: list[set[date]] = [set()]
    for day in sorted(days | broken):
        if day in days:
            runs[-1].add(day)
        else:
            runs.append(set())
    return [window for run in runs for window in cut(run, longest, zone)]


def _dates_to_heal(
    dates: Dates,
    connection: Connection,
    report: Report,
    recorded: Mapping[date, bool],
    failed: FailedDates,
    *,
    newest: date,
    reached: date,
) -> tuple[set[date], set[date]]:
    """The look-back and what the ledger lacks; and older dates that are unsettled or failed."""
    lookback = dates.last - timedelta(days=connection.lookback(report))
    start = connection.start_date
    start = max(start, reached) if start else None
    lookback = max(lookback, reached)
    first = max(lookback, start) if start else lookback
    days = {day for day in Window(min(first, newest), newest + DAY) if day >= first}
    # Without a start, an outage heals all the same: what lies after the newest date that the ledger can speak of.
    gaps_from = start or max((day for day in recorded if day <= newest), default=newest) + DAY
    gaps_from = max(gaps_from, reached)
    if gaps_from <= newest:
        days |= set(Window(gaps_from, newest + DAY)) - recorded.keys()
    doubted = max(reached, lookback - UNSETTLED_FOR)
    unsettled = {day for day, is_unsettled in recorded.items() if is_unsettled}
    return days, {day for day in unsettled | failed.unloaded if doubted <= day <= newest}


def _day(value: object, name: str) -> date:
    if isinstance(value, date):
        return value.date() if isinstance(value, datetime) else value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise BadWindow(f"`{name}` {str(value)[:40]!r} is no date", next_step="write it as YYYY-MM-DD") from None
