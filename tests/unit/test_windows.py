"""Usage dates tile time without gap or overlap in every zone, and windows are few and never too long."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_ledger.core.windows import DAY, Window, cut, day_bounds, first_instant, last_complete_date, local_date

MONTH = timedelta(days=31)
HOUR = timedelta(hours=1)
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
ZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("posix/", "right/")))
RECENT = st.dates(date(2015, 1, 2), date(2036, 12, 30))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        ("UTC", "2026-03-08", "2026-03-08T00:00", 24),
        ("America/Los_Angeles", "2026-03-07", "2026-03-07T08:00", 24),
        ("America/Los_Angeles", "2026-03-08", "2026-03-08T08:00", 23),
        ("America/Los_Angeles", "2026-11-01", "2026-11-01T07:00", 25),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30", 23.5),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00", 24.5),
        ("Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00", 24),
        ("Asia/Kathmandu", "2026-01-01", "2025-12-31T18:15", 24),
        ("America/Havana", "2026-03-08", "2026-03-08T05:00", 23),
        ("America/Havana", "2025-11-02", "2025-11-02T04:00", 25),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00", 23),
        ("Asia/Beirut", "2026-10-24", "2026-10-23T21:00", 25),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", 23),
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30", 23.5),  # 23:30 was followed by 00:30
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00", 24),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", 0),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00", 24),
    ],
)
def test_a_local_date_begins_and_lasts_as_its_zone_says(zone: str, day: str, begins: str, hours: float) -> None:
    start, end = day_bounds(date.fromisoformat(day), ZoneInfo(zone))
    assert start == utc(begins)
    assert end - start == timedelta(hours=hours)
    assert start.tzinfo is UTC


@given(zone=st.sampled_from(ZONES), day=RECENT)
@settings(max_examples=300, deadline=None)
def test_dates_of_any_zone_tile_time(zone: str, day: date) -> None:
    where = ZoneInfo(zone)
    start, end = day_bounds(day, where)
    assert end == first_instant(day + DAY, where)
    assert start < end
    assert local_date(start, where) == day
    assert local_date(end - timedelta(seconds=1), where) == day
    assert local_date(start - timedelta(seconds=1), where) == day - DAY


@pytest.mark.parametrize(
    ("at", "zone", "newest"),
    [
        ("2026-11-02T07:59:59", "America/Los_Angeles", "2026-10-31"),
        ("2026-11-02T08:00:00", "America/Los_Angeles", "2026-11-01"),
        ("2026-11-01T10:00:00", "Pacific/Kiritimati", "2026-11-01"),
        ("2026-11-01T09:59:59", "Pacific/Kiritimati", "2026-10-31"),
        ("2026-11-01T00:00:00", "UTC", "2026-10-31"),
    ],
)
def test_the_last_complete_date_is_over(at: str, zone: str, newest: str) -> None:
    assert last_complete_date(utc(at), ZoneInfo(zone)) == date.fromisoformat(newest)


def test_a_window_holds_its_first_date_and_not_its_end() -> None:
    window = Window(date(2026, 9, 1), date(2026, 9, 3))
    assert list(window) == [date(2026, 9, 1), date(2026, 9, 2)]
    assert date(2026, 9, 1) in window
    assert date(2026, 9, 3) not in window
    assert (window.days, str(window)) == (2, "2026-09-01 to 2026-09-02")
    assert str(Window(date(2026, 9, 1), date(2026, 9, 2))) == "2026-09-01"


def test_400_days_are_asked_in_13_windows() -> None:
    dates = [date(2025, 1, 1) + n * DAY for n in range(400)]
    windows = cut(dates, MONTH, ZoneInfo("UTC"))
    assert len(windows) == 13
    assert [day for window in windows for day in window] == dates
    assert {window.days for window in windows[:-1]} == {31}


def test_31_local_days_that_last_an_hour_more_are_split() -> None:
    dates = list(Window(date(2026, 10, 5), date(2026, 11, 5)))
    assert first_instant(date(2026, 11, 5), LOS_ANGELES) - first_instant(date(2026, 10, 5), LOS_ANGELES) == MONTH + HOUR
    assert cut(dates, MONTH, LOS_ANGELES) == [
        Window(date(2026, 10, 5), date(2026, 11, 4)),
        Window(date(2026, 11, 4), date(2026, 11, 5)),
    ]
    assert len(cut(dates, MONTH, ZoneInfo("UTC"))) == 1


def test_32_local_days_are_never_one_window_in_spring() -> None:
    dates = list(Window(date(2026, 3, 1), date(2026, 4, 2)))
    assert [window.days for window in cut(dates, MONTH, LOS_ANGELES)] == [31, 1]


def test_dates_between_wanted_ones_come_along_and_far_ones_do_not() -> None:
    first, near, far = date(2026, 1, 1), date(2026, 1, 31), date(2026, 6, 1)
    assert cut([far, near, first, near], MONTH, ZoneInfo("UTC")) == [Window(first, near + DAY), Window(far, far + DAY)]


def test_a_skipped_date_is_never_asked_for_alone() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert cut([date(2011, 12, 30)], MONTH, apia) == []
    assert cut([date(2011, 12, 29), date(2011, 12, 30), date(2011, 12, 31)], MONTH, apia) == [
        Window(date(2011, 12, 29), date(2012, 1, 1))
    ]


def test_no_dates_need_no_window() -> None:
    assert cut([], MONTH, LOS_ANGELES) == []


@given(
    zone=st.sampled_from(ZONES),
    first=st.dates(date(2015, 1, 2), date(2034, 1, 1)),
    offsets=st.one_of(
        st.integers(1, 130).map(lambda n: set(range(n))), st.sets(st.integers(0, 200), min_size=1, max_size=40)
    ),
    longest=st.sampled_from([DAY * 2, DAY * 7, MONTH, DAY * 180]),
)
@settings(max_examples=150, deadline=None)
def test_windows_cover_all_dates_once_are_short_enough_and_fewest(
    zone: str, first: date, offsets: set[int], longest: timedelta
) -> None:
    where = ZoneInfo(zone)
    dates = sorted(first + n * DAY for n in offsets)
    windows = cut(dates, longest, where)
    assert all(sum(day in window for window in windows) == 1 for day in dates)
    assert all(before.end <= after.first for before, after in pairwise(windows))
    for window in windows:
        assert window.first in dates
        assert window.end - DAY in dates
        assert first_instant(window.end, where) - first_instant(window.first, where) <= longest
    # Each window's first date does not fit into one with the first date of the window before: none can be saved.
    for before, after in pairwise(windows):
        assert day_bounds(after.first, where)[1] - first_instant(before.first, where) > longest
