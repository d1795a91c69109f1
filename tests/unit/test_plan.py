"""A run takes the dates that it should, all of them complete, in the fewest windows."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_ledger.connections import Connection, connection_from
from usage_ledger.core.errors import BadWindow
from usage_ledger.core.failed_dates import FailedDates
from usage_ledger.core.windows import DAY, Window
from usage_ledger.pipeline.plan import EARLIEST, MOST_ALONE, Dates, requested_dates, windows
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.providers.openrouter import OPENROUTER

USAGE, COST = FIREWORKS.report("usage"), FIREWORKS.report("cost")
D = date(2026, 9, 14)
NOON = datetime(2026, 9, 20, 12, tzinfo=UTC)


def connection(**settings: object) -> Connection:
    return connection_from("acme", {"provider": "fireworks", "account": "acme", **settings}, "acme.yaml")


def settled(*known: date) -> dict[date, bool]:
    return dict.fromkeys(known, False)


def dates_of(found: list[Window]) -> list[date]:
    return [day for window in found for day in window]


def test_a_backfill_run_takes_its_own_day_alone() -> None:
    found = windows(Dates(D, D), connection(start_date=date(2026, 1, 1)), USAGE, {}, now=NOON)
    assert found == [Window(D, D + DAY)]


@pytest.mark.parametrize(("setting", "days"), [({}, 3), ({"lookback_days": 0}, 0), ({"lookback_days": 10}, 10)])
def test_a_scheduled_run_reads_the_look_back_again(setting: dict[str, int], days: int) -> None:
    found = windows(Dates(D, D, heal=True), connection(**setting), USAGE, settled(D - DAY), now=NOON)
    assert found == [Window(D - DAY * days, D + DAY)]


def test_a_scheduled_run_fills_what_the_ledger_lacks_since_the_start() -> None:
    start = date(2026, 1, 1)
    lacking = {date(2026, 1, 1), date(2026, 6, 1), date(2026, 6, 2)}
    known = set(Window(start, D)) - lacking
    found = windows(Dates(D, D, heal=True), connection(start_date=start), USAGE, settled(*known), now=NOON)
    assert found == [
        Window(date(2026, 1, 1), date(2026, 1, 2)),
        Window(date(2026, 6, 1), date(2026, 6, 3)),
        Window(D - DAY * 3, D + DAY),
    ]


def test_an_outage_longer_than_the_look_back_heals_in_one_run() -> None:
    newest = D - DAY * 20
    for known in ([newest], [newest, D - DAY * 300]):
        found = windows(Dates(D, D, heal=True), connection(), USAGE, settled(*known), now=NOON)
        assert found == [Window(newest + DAY, D + DAY)]
    ours = connection(start_date=D - DAY * 5)
    before_the_start = windows(Dates(D, D, heal=True), ours, USAGE, settled(newest), now=NOON)
    assert before_the_start == [Window(D - DAY * 5, D + DAY)]


@pytest.mark.parametrize("start", [None, D - DAY * 300])
def test_a_date_whose_look_back_ran_out_unread_is_read_again(start: date | None) -> None:
    ours = connection(start_date=start) if start else connection()
    known = settled(*Window(D - DAY * 300, D)) | {D - DAY * 40: True, D - DAY * 39: True}
    found = windows(Dates(D, D, heal=True), ours, USAGE, known, now=NOON)
    assert found == [Window(D - DAY * 40, D - DAY * 38), Window(D - DAY * 3, D + DAY)]
    assert windows(Dates(D, D), ours, USAGE, known, now=NOON) == [Window(D, D + DAY)]
    close = settled(*Window(D - DAY * 300, D)) | {D - DAY * 10: True}
    found = windows(Dates(D, D, heal=True), ours, USAGE, close, now=NOON)
    assert found == [Window(D - DAY * 10, D - DAY * 9), Window(D - DAY * 3, D + DAY)], (
        "it may fail, and no other with it"
    )


@pytest.mark.parametrize("lookback", [0, 3, 90])
def test_an_unsettled_date_is_not_asked_for_without_end(lookback: int) -> None:
    last = D - DAY * (lookback + 60)
    known = settled(*Window(D - DAY * 300, D)) | {last: True, last - DAY: True}
    asked = windows(Dates(D, D, heal=True), connection(lookback_days=lookback), USAGE, known, now=NOON)
    assert min(dates_of(asked)) == last


def test_a_provider_is_not_asked_for_an_unsettled_date_that_it_no_longer_tells() -> None:
    report = OPENROUTER.report("activity")
    ours = connection_from("acme", {"provider": "openrouter", "account": "acme"}, "acme.yaml")
    told = D - DAY * 29
    known = {told: True, told - DAY: True, D - DAY: False}
    asked = windows(Dates(D, D, heal=True), ours, report, known, now=NOON - DAY * 5)
    assert min(dates_of(asked)) == told


def test_a_new_connection_fills_its_history_in_the_fewest_windows() -> None:
    start = D - DAY * 399
    found = windows(Dates(D, D, heal=True), connection(start_date=start), USAGE, {}, now=NOON)
    assert len(found) == 13
    assert dates_of(found) == list(Window(start, D + DAY))


def test_no_look_back_reaches_before_the_start() -> None:
    found = windows(Dates(D, D, heal=True), connection(start_date=D - DAY), USAGE, {}, now=NOON)
    assert found == [Window(D - DAY, D + DAY)]


def test_a_date_that_is_not_over_waits() -> None:
    now = datetime(2026, 9, 15, 6, 59, tzinfo=UTC)  # 23:59 of the 14th in Los Angeles
    west = connection(timezone="America/Los_Angeles")
    assert windows(Dates(D, D), west, USAGE, {}, now=now) == []
    assert windows(Dates(D, D), west, USAGE, {}, now=now + timedelta(minutes=1)) == [Window(D, D + DAY)]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Pacific/Kiritimati"])
def test_a_utc_report_east_of_greenwich_takes_completed_utc_days(zone: str) -> None:
    east = connection(timezone=zone)
    now = datetime(2026, 9, 15, 3, tzinfo=east.zone)  # the scheduled run of the 14th
    assert windows(Dates(D, D), east, USAGE, {}, now=now) == [Window(D, D + DAY)]
    assert windows(Dates(D, D), east, COST, {}, now=now) == []
    assert windows(Dates(D, D, heal=True), east, COST, {}, now=now) == [Window(D - DAY * 3, D)]
    next_run = windows(Dates(D + DAY, D + DAY, heal=True), east, COST, {}, now=now + DAY)
    assert D in dates_of(next_run)


def test_a_utc_report_west_of_greenwich_takes_the_same_dates() -> None:
    west = connection(timezone="America/Los_Angeles")
    now = datetime(2026, 9, 15, 3, tzinfo=west.zone)
    assert windows(Dates(D, D), west, COST, {}, now=now) == [Window(D, D + DAY)]


def test_a_start_in_the_future_asks_only_for_the_usage_date() -> None:
    found = windows(Dates(D, D, heal=True), connection(start_date=D + DAY * 30), USAGE, {}, now=NOON)
    assert dates_of(found) in ([], [D])


@given(
    back=st.integers(0, 120),
    lookback=st.integers(0, 30),
    known=st.sets(st.integers(0, 120)),
    zone=st.sampled_from(["UTC", "America/Los_Angeles", "Australia/Lord_Howe", "Pacific/Kiritimati"]),
)
@settings(max_examples=60, deadline=None)
def test_a_scheduled_run_wants_exactly_its_date_the_look_back_and_the_gaps(
    back: int, lookback: int, known: set[int], zone: str
) -> None:
    start = D - DAY * back
    ours = connection(start_date=start, lookback_days=lookback, timezone=zone)
    held = {D - DAY * n for n in known}
    found = dates_of(windows(Dates(D, D, heal=True), ours, USAGE, settled(*held), now=NOON))
    wanted = {D} | {D - DAY * n for n in range(min(lookback, back) + 1)} | (set(Window(start, D + DAY)) - held)
    assert wanted <= set(found)
    assert len(found) == len(set(found))
    assert min(found) == min(wanted)
    assert max(found) == D


@pytest.mark.parametrize(
    ("first", "last", "dates"),
    [
        (None, None, Dates(date(2026, 9, 19), date(2026, 9, 19))),
        ("2026-09-01", "2026-09-03", Dates(date(2026, 9, 1), date(2026, 9, 3))),
        (D, D, Dates(D, D)),
        ("2026-09-19", "2026-09-19", Dates(date(2026, 9, 19), date(2026, 9, 19))),
        ("2024-02-29", "2024-03-01", Dates(date(2024, 2, 29), date(2024, 3, 1))),
    ],
)
def test_a_manual_run_takes_the_range_or_the_last_complete_date(first: object, last: object, dates: Dates) -> None:
    assert requested_dates(first, last, now=NOON, connection=connection()) == dates


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("2026-09-01", None, "both, or neither"),
        (None, "2026-09-01", "both, or neither"),
        ("2026-09-03", "2026-09-01", "swap"),
        ("2026-09-01", "2026-09-20", "2026-09-19"),
        ("2030-01-01", "2030-01-02", "2026-09-19"),
        ("2027-02-29", "2027-03-01", "YYYY-MM-DD"),
        ("yesterday", "2026-09-01", "YYYY-MM-DD"),
        ("", "", "YYYY-MM-DD"),
        (20260901, "x", "YYYY-MM-DD"),
        ("2026-09-01T00:00:00Z", "2026-09-02", "YYYY-MM-DD"),
        (str(EARLIEST - DAY), "2026-09-01", "later"),
    ],
)
def test_a_range_that_is_unfinished_reversed_or_future_is_refused(first: object, last: object, says: str) -> None:
    with pytest.raises(BadWindow) as caught:
        requested_dates(first, last, now=NOON, connection=connection())
    assert says in str(caught.value)


def test_instants_given_as_dates_are_taken_or_refused_but_break_nothing() -> None:
    instant = datetime(2026, 9, 1, tzinfo=UTC)
    try:
        found = requested_dates(instant, instant, now=NOON, connection=connection())
    except BadWindow:
        return
    assert type(found.first) is type(found.last) is date


def test_the_newest_date_is_that_of_the_connections_zone() -> None:
    now = datetime(2026, 9, 15, 3, tzinfo=UTC)
    assert requested_dates(None, None, now=now, connection=connection()).last == date(2026, 9, 14)
    west = connection(timezone="America/Los_Angeles")
    assert requested_dates(None, None, now=now, connection=west).last == date(2026, 9, 13)
    with pytest.raises(BadWindow, match="America/Los_Angeles"):
        requested_dates("2026-09-14", "2026-09-14", now=now, connection=west)


def test_failed_dates_are_taken_again_without_a_start() -> None:
    recorded = settled(*(D - DAY * n for n in range(1, 20) if n != 9))
    failed = FailedDates(unloaded=frozenset([D - DAY * 9, D - DAY * 100]))
    planned = windows(Dates(D, D, heal=True), connection(), USAGE, recorded, now=NOON, failed=failed)
    assert planned == [Window(D - DAY * 9, D - DAY * 8), Window(D - DAY * 3, D + DAY)]


def test_dates_of_an_answer_that_was_wrong_as_a_whole_are_asked_for_one_by_one() -> None:
    broken = frozenset(D - DAY * n for n in range(1, 4))
    failed = FailedDates(broken, broken)
    planned = windows(Dates(D, D, heal=True), connection(), USAGE, {}, now=NOON, failed=failed)
    assert planned == [Window(D - DAY * n, D - DAY * (n - 1)) for n in (3, 2, 1, 0)]
    by_hand = windows(Dates(D - DAY * 3, D), connection(), USAGE, {}, now=NOON, failed=failed)
    assert by_hand == [Window(D - DAY * 3, D + DAY)]  # a person who names dates gets them as named


def test_only_the_newest_of_many_broken_dates_are_asked_for_one_by_one() -> None:
    broken = frozenset(D - DAY * n for n in range(100))
    failed = FailedDates(broken, broken)
    since = connection(start_date=D - DAY * 99)
    planned = windows(Dates(D, D, heal=True), since, USAGE, {}, now=NOON, failed=failed)
    assert dates_of(planned) == sorted(broken)
    assert [window.days for window in planned[-MOST_ALONE:]] == [1] * MOST_ALONE
    assert len(planned) == MOST_ALONE + 3


def test_dates_that_would_spoil_others_are_asked_for_alone() -> None:
    bad, idle = D - DAY * 2, D - DAY * 5
    failed = FailedDates(of_whole_answers=frozenset({bad, idle, D + DAY}))
    span = Dates(D - DAY * 9, D)
    assert windows(span, connection(), USAGE, {}, now=NOON, failed=failed) == [Window(D - DAY * 9, D + DAY)]
    scheduled = Dates(span.first, span.last, heal=True)
    assert windows(scheduled, connection(), USAGE, {}, now=NOON, failed=failed) == [
        Window(D - DAY * 9, idle),
        Window(idle, idle + DAY),
        Window(idle + DAY, bad),
        Window(bad, bad + DAY),
        Window(bad + DAY, D + DAY),
    ]
    assert windows(Dates(D, D), connection(), USAGE, {}, now=NOON, failed=failed) == [Window(D, D + DAY)]
