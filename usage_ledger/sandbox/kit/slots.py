"""Time as whole quarters of an hour.

A slot is fifteen minutes of UTC, counted from 1970. Every zone in use today changes its date at the edge of a slot
(Kathmandu at 18:15 UTC, Lord Howe with its half-hour of summer time), so a local day is a whole number of slots.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple

SLOT = timedelta(minutes=15)
DAY_SLOTS = 96
FOREVER = 1 << 40
"""The end of what has no end."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Day(NamedTuple):
    """A local date as the half-open range of slots `[first, last)`."""

    date: date
    first: int
    last: int


def slot_of(instant: datetime) -> int:
    """The slot that holds `instant`; equally, how many slots are over by then."""
    return (instant - _EPOCH) // SLOT


def limit_of(now: datetime | None) -> int:
    """How many slots are over at `now`; without it, `FOREVER`."""
    return FOREVER if now is None else slot_of(now)


def instant_of(slot: int) -> datetime:
    """When `slot` begins, in UTC."""
    return _EPOCH + slot * SLOT


def midnight(day: date) -> datetime:
    """The first instant of a UTC date."""
    return datetime.combine(day, time(), UTC)


def is_weekend(day: int) -> bool:
    """Whether a day, counted from 1970, is a Saturday or a Sunday. 1970 began on a Thursday."""
    return day % 7 in (2, 3)


def rfc3339(instant: datetime) -> str:
    """An instant in UTC as most APIs write it: `2026-09-14T00:00:00Z`."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def first_instant(day: date, zone: tzinfo) -> datetime:
    """The first instant, in UTC, whose date in `zone` is `day` or later.

    Usually local midnight. Where clocks skip midnight it is the moment they skip to.
    """
    instant = datetime.combine(day, time(), zone).astimezone(UTC)
    while (instant - SLOT).astimezone(zone).date() >= day:
        instant -= SLOT
    return instant


def local_days(start: date, end: date, zone: tzinfo) -> list[Day]:
    """The local dates of `[start, end)`, one after the other without a gap.

    A date that `zone` skipped altogether is an empty range.
    """
    dates = [start + timedelta(days=number) for number in range((end - start).days + 1)]
    edges = [slot_of(first_instant(day, zone)) for day in dates]
    return [Day(day, first, last) for day, (first, last) in zip(dates, pairwise(edges), strict=False)]
