"""Usage dates, the instants they begin at, and windows of them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


def checked_duration(text: object) -> str:
    """The text, if it is a number of hours or minutes. Raises `ValueError`."""
    duration(text)
    return str(text)


def duration(text: object) -> timedelta:
    """The time that `2h` or `90m` stands for. Raises `ValueError`."""
    if not isinstance(text, str) or not re.fullmatch(r"[1-9][0-9]{0,2}[hm]", text):
        raise ValueError(f"{text!r} is not a length of time; allowed: 1m to 999h, such as 90m or 2h")
    return timedelta(hours=int(text[:-1])) if text.endswith("h") else timedelta(minutes=int(text[:-1]))


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Usage dates from `first` to before `end`."""

    first: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.first).days

    def __iter__(self) -> Iterator[date]:
        return (self.first + DAY * n for n in range(self.days))

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day < self.end

    def __str__(self) -> str:
        """Both ends included, as a person reads it."""
        last = self.end - DAY
        return str(self.first) if last == self.first else f"{self.first} to {last}"


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, of a local date; where clocks skip midnight, the date begins after the gap.

    A date that a zone skipped altogether begins, and ends, where the next one begins.
    """
    wall = datetime.combine(day, time.min, tzinfo=zone)
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    # In a gap: bisect, to the second, for the instant at which the local date is reached.
    early, late = instant - DAY, instant + DAY
    while late - early > timedelta(seconds=1):
        middle = (early + (late - early) / 2).replace(microsecond=0)
        early, late = (early, middle) if middle.astimezone(zone).date() >= day else (middle, late)
    return late


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """First instant of the date and of the next one, in UTC: 23, 23.5, 24, 24.5 or 25 hours apart, or none."""
    return first_instant(day, zone), first_instant(day + DAY, zone)


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """The local date that an instant lies in."""
    return instant.astimezone(zone).date()


def last_complete_date(at: datetime, zone: ZoneInfo) -> date:
    """The newest local date that is over at an instant."""
    return local_date(at, zone) - DAY


def cut(dates: Iterable[date], longest: timedelta, zone: ZoneInfo) -> list[Window]:
    """The fewest windows, each at most `longest`, that cover all the dates.

    Dates between two wanted ones come along for free. `longest` is elapsed time: 31 local days can last an hour
    more than 31 x 24 hours, and are then cut shorter.
    """
    windows: list[Window] = []
    first: date | None = None
    last: date | None = None
    for day in sorted(set(dates)):
        begins, ends = day_bounds(day, zone)
        if begins == ends:
            continue  # a date that the zone skipped
        if first is not None and last is not None and ends - first_instant(first, zone) > longest:
            windows.append(Window(first, last + DAY))
            first = None
        first, last = first or day, day
    if first is not None and last is not None:
        windows.append(Window(first, last + DAY))
    return windows
