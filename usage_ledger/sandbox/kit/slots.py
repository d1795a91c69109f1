"""Time as whole quarters of an hour.

A slot is fifteen minutes of UTC, counted from 1970. Every zone in use today changes its date on a slot's edge
(Kathmandu at 18:15 UTC, Lord Howe with its half-hour of summer time), so any local day is a whole number of slots.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple

SLOT = timedelta(minutes=15)
DAY_SLOTS = 96
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Day(NamedTuple):
    """A local date as the half-open range of slots `[first, last)`."""

    date: date
    first: int
    last: int


def slot_of(instant: datetime) -> int:
    """The slot that holds `instant`; equally, how many slots are over by then."""
    return (instant - _EPOCH) // SLOT


def instant_of(slot: int) -> datetime:
    """When `slot` begins, in UTC."""
    return _EPOCH + slot * SLOT


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
