"""UsageDay: logical dates are usage dates, in every zone, for every way Airflow asks."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from airflow.serialization.encoders import encode_timetable
from airflow.timetables.base import TimeRestriction

from usage_ledger.airflow.timetable import UsageDay

ZONES = ["UTC", "America/Los_Angeles", "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
CHANGES = [date(2026, 3, 7), date(2026, 4, 4), date(2026, 10, 3), date(2026, 10, 31)]
"""Each with the two days after it: clocks change on the second one in Los Angeles or on Lord Howe."""


def backfilled(timetable: UsageDay, earliest: datetime, latest: datetime) -> list[date]:
    """The logical dates of a backfill, asked for as Airflow asks."""
    found, info = [], None
    while info := timetable.next_dagrun_info_v2(
        last_dagrun_info=info, restriction=TimeRestriction(earliest, latest, catchup=True)
    ):
        assert info.data_interval is not None
        assert info.data_interval.start.astimezone(UTC).time() == time.min
        assert info.run_after == info.data_interval.end
        found.append(info.data_interval.start.date())
    return found


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("first", CHANGES)
def test_a_backfill_by_command_takes_both_ends_and_no_other_date(zone: str, first: date) -> None:
    days = [first + timedelta(days=n) for n in range(3)]
    midnight = [datetime.combine(day, time.min, UTC) for day in days]
    assert backfilled(UsageDay("03:00", zone), midnight[0], midnight[-1]) == days
    assert backfilled(UsageDay("03:00", zone), midnight[1], midnight[1]) == [days[1]]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("browser", range(-10, 12))
def test_the_form_of_the_ui_means_the_dates_it_shows_whatever_the_browsers_zone(zone: str, browser: int) -> None:
    offset = timedelta(hours=browser)
    days = [date(2026, 10, 31) + timedelta(days=n) for n in range(3)]
    earliest = datetime.combine(days[0], time.min, UTC) - offset
    latest = datetime.combine(days[-1], time(23, 59, 59, 999000), UTC) - offset
    assert backfilled(UsageDay("03:00", zone), earliest, latest) == days


@pytest.mark.parametrize("zone", ZONES)
def test_a_date_that_is_not_due_yet_never_runs(zone: str) -> None:
    timetable = UsageDay("03:00", zone)
    today = datetime.now(UTC).date()
    midnight = datetime.combine(today, time.min, UTC)
    found = backfilled(timetable, midnight - timedelta(days=5), midnight + timedelta(days=5))
    assert found[-1] == timetable.newest(datetime.now(UTC))
    assert timetable.due(found[-1]) <= datetime.now(UTC) < timetable.due(found[-1] + timedelta(days=1))


@pytest.mark.parametrize("zone", ZONES)
def test_each_date_is_due_once_at_the_local_time_of_the_next_day(zone: str) -> None:
    timetable = UsageDay("03:00", zone)
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(400)]
    due = [timetable.due(day) for day in days]
    assert all(timedelta(hours=22) < later - sooner < timedelta(hours=26) for sooner, later in pairwise(due))
    for day, at in zip(days, due, strict=True):
        assert at.astimezone(ZoneInfo(zone)).date() == day + timedelta(days=1)
        assert timetable.newest(at) == day
        assert timetable.newest(at - timedelta(seconds=1)) == day - timedelta(days=1)


def test_a_local_time_that_the_clock_skips_still_comes_once() -> None:
    timetable = UsageDay("02:30", "America/Los_Angeles")
    assert timetable.due(date(2026, 3, 7)) == datetime(2026, 3, 8, 10, 30, tzinfo=UTC)


def test_unpausing_makes_one_run_of_the_newest_due_date() -> None:
    timetable = UsageDay("03:00", "UTC")
    start = datetime(2015, 1, 1, tzinfo=UTC)
    info = timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(start, None, catchup=False)
    )
    assert info is not None
    assert info.data_interval is not None
    newest = timetable.newest(datetime.now(UTC))
    assert info.data_interval.start.date() == newest
    following = timetable.next_dagrun_info(
        last_automated_data_interval=info.data_interval, restriction=TimeRestriction(start, None, catchup=False)
    )
    assert following is not None
    assert following.data_interval is not None
    assert following.data_interval.start.date() == newest + timedelta(days=1)
    assert following.run_after > datetime.now(UTC)


def test_after_an_outage_the_next_run_is_the_newest_date() -> None:
    timetable = UsageDay("03:00", "UTC")
    long_ago = timetable.infer_manual_data_interval(run_after=datetime(2026, 1, 5, 12, tzinfo=UTC))
    assert long_ago.start.date() == date(2026, 1, 4)
    info = timetable.next_dagrun_info(
        last_automated_data_interval=long_ago, restriction=TimeRestriction(None, None, catchup=False)
    )
    assert info is not None
    assert info.data_interval is not None
    assert info.data_interval.start.date() == timetable.newest(datetime.now(UTC))


def test_it_survives_serialisation() -> None:
    timetable = UsageDay("04:15", "Australia/Lord_Howe")
    again = UsageDay.deserialize(encode_timetable(timetable)["__var"])
    assert again == timetable
    assert again != UsageDay("04:15", "UTC")
    assert again.due(date(2026, 10, 3)) == timetable.due(date(2026, 10, 3))
