"""The usage date of each row: from the vendor's time slice, its date, or the moment at which something happened."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Raw

from usage_ledger.core import contract_errors, errors, numbers
from usage_ledger.core.windows import Window, day_bounds, local_date
from usage_ledger.model.rows import RowSet
from usage_ledger.model.when import Bucket, Day, Moment, Point
from usage_ledger.reading.codes import Numbers, number_pairs, number_values
from usage_ledger.reading.nested import Rows

YEARS = range(1970, 9000)
"""Years that an instant may have: the first and last day of the calendar have no neighbour."""
LAST_SECOND = int(datetime(YEARS.stop, 1, 1, tzinfo=UTC).timestamp()) - 1
"""Seconds since 1970 of the last instant in `YEARS`."""
MICROSECONDS = Decimal(10**6)
"""In a second."""
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T]00:00:00(?:\.0+)?(?:Z|\+00:00)?)?", re.ASCII)
"""A date, alone or as its midnight in UTC."""
_DIGITS = re.compile(r"(\d{8})(?:\.0+)?", re.ASCII)
"""A date in digits alone."""


@dataclass(frozen=True)
class Buckets:
    """The day of each row and its bounds; `labelled` when the provider sent local dates at 00:00 UTC."""

    days: list[date]
    """The distinct days; `which` holds for each row its index among them."""
    which: pa.Array
    dates: pa.Array
    starts: pa.Array
    ends: pa.Array
    labelled: bool
    instants: pa.Array | None = None
    """Of points, the instant of each."""

    def only(self, numbers: Sequence[int]) -> "Buckets":
        """Of some of the rows; `days` stay the same."""
        chosen = pa.array(numbers, pa.int64())
        which, dates, starts, ends = (one.take(chosen) for one in (self.which, self.dates, self.starts, self.ends))
        instants = None if self.instants is None else self.instants.take(chosen)
        return Buckets(self.days, which, dates, starts, ends, self.labelled, instants)


def bucket_columns(rows: Rows, zone: ZoneInfo, window: Window, *, date_labels: bool) -> Buckets:
    """The usage date of each row. Raises `BadBucket`, `OutOfWindow`, `MissingField`."""
    instants: list[datetime] = []
    match rows.row_set.when:
        case Bucket(start, end):
            bounds, which = number_pairs(rows.column(start), rows.column(end))
            dates = [_bucket(rows, one, zone, window, date_labels) for one in bounds]
        case Day(path) | Moment(path):
            values, which = _distinct(rows.column(path))
            dates = [(_date_in(rows, path, value, zone, window), False) for value in values]
        case Point(path) as point:
            values, which = _distinct(rows.column(path))
            where = f"{rows.row_set.name}.{path.lstrip('^')}"
            instants = [instant(where, value) for value in values]
            dates = [(_date_of_point(where, at, point, zone, window), False) for at in instants]
        case None:
            raise errors.ConfigError(f"row set {rows.row_set.name} does not declare when its rows were used")
    forms = {labelled for _, labelled in dates}
    if len(forms) > 1 and not _same_either_way(dates, zone):
        raise contract_errors.BadBucket(f"{rows.row_set.name} mixes instants and date labels")
    stamp = pa.timestamp("us", tz="UTC")
    of_points = pa.array(instants, stamp).take(pa.array(which)) if instants else None
    number: dict[date, int] = {}
    which = number_values(number, [day for day, _ in dates])[which]
    days = [*number]
    begins, ends = zip(*(day_bounds(day, zone) for day in days), strict=True)
    of_days = pa.array(which.astype(np.int32))
    return Buckets(
        days,
        of_days,
        pa.array(days, pa.date32()).take(of_days),
        pa.array(begins, stamp).take(of_days),
        pa.array(ends, stamp).take(of_days),
        True in forms,
        of_points,
    )


def _distinct(values: Sequence[Any]) -> tuple[list[Any], Numbers]:
    """The distinct values, a literal as bytes, and the number of each value among them."""
    number: dict[Any, int] = {}
    which = number_values(number, [bytes(value) if isinstance(value, Raw) else value for value in values])
    return [*number], which


def new_events(rows: Rows, when: Moment, zone: ZoneInfo, window: Window, event_ids: set[str]) -> Rows:
    """The events of a window whose ids are not in `event_ids`, to which they are added.

    An answer may reach beyond the window, and pages may overlap; an event without id stays, for `check_event_ids`.
    Raises `MissingField`, `BadBucket`.
    """
    numbers = []
    for number, (moment, event_id) in enumerate(zip(rows.column(when.path), rows.column(when.event_id), strict=True)):
        if local_date(instant(f"{rows.place(number)}.{when.path}", moment), zone) in window:
            if event_id not in event_ids:
                numbers.append(number)
            if event_id:
                event_ids.add(event_id)
    return rows if len(numbers) == len(rows) else rows.only(numbers)


def check_event_ids(rows: Rows, when: Moment) -> None:
    """Refuse an event without an id: it could not be told from its repeats. Raises `MissingField`."""
    for number, event_id in enumerate(rows.column(when.event_id)):
        if not event_id:
            raise contract_errors.MissingField(f"{rows.place(number)}.{when.event_id} is absent")


def bucket_start(row_set: RowSet) -> str:
    """The path of a bucket's start; '' where rows have no bucket."""
    return row_set.when.start if isinstance(row_set.when, Bucket) else ""


def _date_in(rows: Rows, path: str, value: Any, zone: ZoneInfo, window: Window) -> date:
    where = f"{rows.row_set.name}.{path.lstrip('^')}"
    day = local_date(instant(where, value), zone) if isinstance(rows.row_set.when, Moment) else _date(where, value)
    return _inside(where, day, window)


def _date(where: str, value: Any) -> date:
    """A date from a text, or from a JSON literal of digits. Raises `BadBucket`."""
    text = value.decode(errors="replace").strip('"') if isinstance(value, bytes) else value
    match = _DATE.fullmatch(text) or _DIGITS.fullmatch(text) if isinstance(text, str) else None
    with suppress(ValueError):
        if match is not None:
            return date.fromisoformat(match[1])
    raise contract_errors.BadBucket(f"{where} is {str(text)[:40]!r}, which is not a date")


def _inside(where: str, day: date, window: Window) -> date:
    if day not in window:
        raise contract_errors.OutOfWindow(f"{where} is on {day}, outside of the window {window}")
    return day


def _date_of_point(where: str, at: datetime, point: Point, zone: ZoneInfo, window: Window) -> date:
    """The date that a point's step lies in. Raises `BadBucket` for a step that is not one of those that tile a date."""
    start = at - point.step if point.edge == "end" else at
    day = local_date(start, zone)
    begins, ends = day_bounds(day, zone)
    if (start - begins) % point.step or (ends - begins) % point.step:
        text = f"{where} stands for {start} to {start + point.step}, which is not one of the steps of {point.step}"
        raise contract_errors.BadBucket(f"{text} that make a day of {zone}")
    return _inside(where, day, window)


def _bucket(
    rows: Rows, bounds: tuple[Any, Any], zone: ZoneInfo, window: Window, date_labels: bool
) -> tuple[date, bool]:
    where = rows.row_set.name
    when = rows.row_set.when
    paths = (when.start.lstrip("^"), when.end.lstrip("^")) if isinstance(when, Bucket) else ()
    start, end = (instant(f"{where}.{path}", value) for path, value in zip(paths, bounds, strict=True))
    day, labelled = local_date(start, zone), False
    if (start, end) != day_bounds(day, zone):
        labelled = (
            date_labels
            and start.hour == start.minute == start.second == start.microsecond == 0
            and end - start == timedelta(days=1)
        )
        if not labelled:
            raise contract_errors.BadBucket(f"{where} is from {start} to {end}, which is not a day of {zone}")
        day = start.date()
    return _inside(where, day, window), labelled


def _same_either_way(dates: Sequence[tuple[date, bool]], zone: ZoneInfo) -> bool:
    """Whether all instants equal date labels: so it is in a zone that is at UTC for part of the window."""
    instants = (day for day, labelled in dates if not labelled)
    midnight = time.min
    return all(day_bounds(day, zone)[0] == datetime.combine(day, midnight, UTC) for day in instants)


def instant(where: str, value: Any) -> datetime:
    """An instant in UTC from an RFC 3339 string or from seconds since 1970; as bytes these are a JSON literal.

    Raises `MissingField`, `BadBucket`.
    """
    if isinstance(value, bytes):
        return _epoch(where, value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LAST_SECOND:
        return datetime.fromtimestamp(value, UTC)
    if not isinstance(value, str):
        raise contract_errors.MissingField(f"{where} is absent or not a time")
    parsed = _parsed(value)
    if parsed is None:
        raise contract_errors.BadBucket(f"{where} is {value[:40]!r}, which is not an RFC 3339 time")
    if parsed.tzinfo is None:
        raise contract_errors.BadBucket(f"{where} is {value[:40]!r}, which has no time zone")
    if parsed.year not in YEARS:
        raise contract_errors.BadBucket(f"{where} is {value[:40]!r}, outside of the years {YEARS[0]} to {YEARS[-1]}")
    return parsed


@lru_cache(maxsize=10_000)
def _parsed(text: str) -> datetime | None:
    """The instant in UTC, or without a zone where it has none; None for another text. Events are asked twice."""
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.astimezone(UTC) if parsed.tzinfo is not None else parsed
    except (ValueError, OverflowError):
        return None


def _epoch(where: str, literal: bytes) -> datetime:
    """An instant from seconds since 1970: a JSON number of any form, or a text of one."""
    if literal in (b"", b"null"):
        raise contract_errors.MissingField(f"{where} is absent or not a time")
    bad = contract_errors.BadBucket(f"{where} is {literal[:40].decode(errors='replace')}, which is no time since 1970")
    text = msgspec.json.decode(literal, type=str) if literal.startswith(b'"') else literal.decode()
    try:
        seconds = numbers.decimal(text)
    except contract_errors.ContractBroken:
        raise bad from None
    if not 0 <= seconds <= LAST_SECOND:
        raise bad
    microseconds = numbers.scaled(seconds, MICROSECONDS)
    if microseconds != int(microseconds):
        raise bad
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(microseconds))
