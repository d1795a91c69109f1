"""The usage date of each row: from the vendor's time slice, its date, or the moment at which something happened."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import compress
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from usage_ledger.core import errors
from usage_ledger.core.windows import Window, day_bounds, local_date
from usage_ledger.reading.nested import Rows

YEARS = range(1970, 9000)
"""Of instants: the calendar's ends have no day before or after them."""
LAST_SECOND = int(datetime(YEARS.stop, 1, 1, tzinfo=UTC).timestamp()) - 1
"""Of those years, since 1970."""
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T]00:00:00(?:\.0+)?(?:Z|\+00:00)?)?", re.ASCII)
"""A date, as such or as its midnight in UTC."""


@dataclass(frozen=True)
class Buckets:
    """The day of each row and its bounds; `labelled` when they came as local dates at 00:00 UTC."""

    days: list[date]
    """The distinct days; `which` says for each row which of them is its own."""
    which: pa.Array
    dates: pa.Array
    starts: pa.Array
    ends: pa.Array
    labelled: bool


def bucket_columns(rows: Rows, zone: ZoneInfo, window: Window, *, date_labels: bool) -> Buckets:
    """The usage date of each row. Raises `BadBucket`, `OutOfWindow`, `MissingField`."""
    row_set = rows.row_set
    told: list[Any]
    if row_set.bucket[0]:
        told = list(zip(*(rows.column(path) for path in row_set.bucket), strict=True))
        known = {bounds: _bucket(rows, bounds, zone, window, date_labels) for bounds in dict.fromkeys(told)}
    else:
        told = rows.column(row_set.day or row_set.moment)
        known = {value: (_date_in(rows, value, zone, window), False) for value in dict.fromkeys(told)}
    forms = {labelled for _, labelled in known.values()}
    if len(forms) > 1 and not _same_either_way(known, zone):
        raise errors.BadBucket(f"{rows.row_set.name} mixes instants and date labels")
    number = {bounds: n for n, bounds in enumerate(known)}
    which = pa.array(map(number.__getitem__, told), pa.int32())
    days = [day for day, _ in known.values()]
    bounds = [day_bounds(day, zone) for day in days]
    stamp = pa.timestamp("us", tz="UTC")
    return Buckets(
        days,
        which,
        pa.array(days, pa.date32()).take(which),
        pa.array([begins for begins, _ in bounds], stamp).take(which),
        pa.array([ends for _, ends in bounds], stamp).take(which),
        True in forms,
    )


def events(rows: Rows, zone: ZoneInfo, window: Window, seen: set[str]) -> Rows:
    """The events of a window that were not seen before: an answer may reach beyond it, and pages may overlap."""
    row_set = rows.row_set
    kept = []
    for number, (moment, event) in enumerate(zip(rows.column(row_set.moment), rows.column(row_set.event), strict=True)):
        if not event:
            raise errors.MissingField(f"{rows.place(number)}.{row_set.event} is absent")
        if local_date(instant(f"{rows.place(number)}.{row_set.moment}", moment), zone) in window:
            if event not in seen:
                kept.append(number)
            seen.add(event)
    return rows if len(kept) == len(rows) else rows.only(kept)


def _date_in(rows: Rows, value: Any, zone: ZoneInfo, window: Window) -> date:
    row_set = rows.row_set
    where = f"{row_set.name}.{(row_set.day or row_set.moment).lstrip('^')}"
    if row_set.moment:
        day = local_date(instant(where, value), zone)
    else:
        found = _DATE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise errors.BadBucket(f"{where} is {str(value)[:40]!r}, which is no date")
        try:
            day = date.fromisoformat(found[1])
        except ValueError:
            raise errors.BadBucket(f"{where} is {value[:40]!r}, which is no date") from None
    return _inside(where, day, window)


def _inside(where: str, day: date, window: Window) -> date:
    if day not in window:
        raise errors.OutOfWindow(f"{where} is of {day}, outside of the window that was asked for")
    return day


def _bucket(
    rows: Rows, bounds: tuple[Any, Any], zone: ZoneInfo, window: Window, date_labels: bool
) -> tuple[date, bool]:
    where = rows.row_set.name
    paths = (path.lstrip("^") for path in rows.row_set.bucket)
    start, end = (instant(f"{where}.{path}", value) for path, value in zip(paths, bounds, strict=True))
    day, labelled = local_date(start, zone), False
    if (start, end) != day_bounds(day, zone):
        labelled = (
            date_labels
            and start.hour == start.minute == start.second == start.microsecond == 0
            and end - start == timedelta(days=1)
        )
        if not labelled:
            raise errors.BadBucket(f"{where} is from {start} to {end}, which is no day of {zone}")
        day = start.date()
    return _inside(where, day, window), labelled


def _same_either_way(known: dict[tuple[Any, Any], tuple[date, bool]], zone: ZoneInfo) -> bool:
    """In a zone that is at UTC for part of the window, labels and instants look alike there."""
    instants = compress((day for day, _ in known.values()), (not labelled for _, labelled in known.values()))
    midnight = time.min
    return all(day_bounds(day, zone)[0] == datetime.combine(day, midnight, UTC) for day in instants)


def instant(where: str, value: Any) -> datetime:
    """An instant, in UTC, from RFC 3339 or from seconds since 1970. Raises `MissingField`, `BadBucket`."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LAST_SECOND:
        return datetime.fromtimestamp(value, UTC)
    if not isinstance(value, str):
        raise errors.MissingField(f"{where} is absent or no time")
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is not None:
            found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise errors.BadBucket(f"{where} is {value[:40]!r}, which is no RFC 3339 time") from None
    if found.tzinfo is None:
        raise errors.BadBucket(f"{where} is {value[:40]!r}, without a zone")
    if found.year not in YEARS:
        raise errors.BadBucket(f"{where} is {value[:40]!r}, which no bucket can be of")
    return found
