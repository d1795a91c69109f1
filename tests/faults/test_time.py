"""Faults of time: days of every length, answers that change or end, clocks and windows that are off."""

import json
import zoneinfo
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import tzdata
from kit.provider_site import DAY, FIRST, LAST, NOW, TRUTHS, USAGE, Query, Site
from kit.raw_pages import landed_manifests
from kit.scripted_server import Scripted
from kit.staged_loads import T0, Desk, used
from sqlalchemy import Engine

from usage_ledger.connections import Connection, connection_from
from usage_ledger.core import contract_errors, errors
from usage_ledger.core.windows import Window, cut, day_bounds
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.plan import Dates, requested_dates, windows
from usage_ledger.pipeline.run import run_all
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.warehouse.incoming import Outcome
from usage_ledger.warehouse.ledger import apply_load

HOUR = timedelta(hours=1)
MONTH = timedelta(days=31)
D = date(2026, 6, 1)


def row(start: str, end: str, tokens: str = "7", model: str = "m") -> dict[str, Any]:
    """A row of serverless use."""
    counts = {"promptTokens": tokens, "completionTokens": "1"}
    return {"startTime": start, "endTime": end, "group": {"model_name": model, "api_key_id": "k"}, **counts}


def day_row(day: date, tokens: str = "7", model: str = "m") -> dict[str, Any]:
    return row(f"{day}T00:00:00Z", f"{day + DAY}T00:00:00Z", tokens, model)


def answer(*rows: dict[str, Any]) -> tuple[int, bytes]:
    return 200, json.dumps({"serverlessCosts": rows, "dedicatedCosts": [], "trainingCosts": []}).encode()


def run(site: Site, *rows: dict[str, Any], first: date = FIRST, last: date = LAST, timezone: str = "UTC") -> Any:
    """Answer with these rows; the failure, or None."""
    site.provider.answers[USAGE] = answer(*rows)
    ran = site.run(first=first, last=last, reports=("usage",), timezone=timezone)
    return ran.failures[0] if ran.failures else None


@pytest.fixture
def desk(engine: Engine, request: pytest.FixtureRequest) -> Desk:
    return Desk(engine, f"desk_{request.node.originalname}"[:60].lower())


@pytest.fixture
def said(desk: Desk, query: Query) -> Callable[..., Any]:
    """What `ops` and the ledger hold of the desk's connection: states of dates, tokens by date and model, events."""

    def ask(what: str) -> Any:
        texts = {
            "days": "SELECT usage_date, state FROM ops.day WHERE connection_id = %s",
            "events": "SELECT kind, usage_date FROM ops.event WHERE connection_id = %s ORDER BY at",
            "tokens": "SELECT usage_date, model, input_tokens FROM ledger.usage_daily WHERE connection_id = %s",
            "restated": "SELECT usage_date, old, new FROM ops.restatement WHERE connection_id = %s ORDER BY 1, 2",
        }
        return query(texts[what], desk.connection_id)

    return ask


def fetched(desk: Desk, later: timedelta, *rows: Any, first: date = D, last: date | None = None) -> Outcome:
    """A load of what was fetched this much later than the first."""
    return desk.load(list(rows), first, last, fetched_at=T0 + later)


def test_t1_an_empty_list_is_an_empty_date_and_not_a_date_never_asked_for(site: Site, query: Query) -> None:
    assert run(site) is None
    assert site.days() == {("usage", day, "empty") for day in (FIRST, LAST)}
    assert site.tokens() == {}
    assert run(site, day_row(FIRST - 3 * DAY), first=FIRST - 3 * DAY, last=FIRST - 3 * DAY) is None
    states = query(
        "SELECT usage_date, state FROM marts.coverage WHERE connection_id = %s AND report = 'usage'"
        " AND usage_date <= %s",
        site.name,
        LAST,
    )
    missing = {(FIRST - 2 * DAY, "missing"), (FIRST - DAY, "missing")}
    assert set(states) == {(FIRST - 3 * DAY, "loaded"), *missing, (FIRST, "empty"), (LAST, "empty")}


@pytest.mark.parametrize("confirmed_by", ["a later answer", "a person"])
def test_t2_a_date_that_comes_back_empty_is_held_until_it_is_confirmed(
    desk: Desk, said: Callable[..., Any], confirmed_by: str
) -> None:
    desk.connection_id += confirmed_by[-1]
    fetched(desk, 0 * HOUR, used(D, "m", 5))
    assert fetched(desk, DAY).held == [D]
    assert (said("days"), said("tokens")) == ([(D, "held")], [(D, "m", 5)])
    assert fetched(desk, DAY + HOUR / 2).held == [D]  # too early to confirm
    if confirmed_by == "a person":
        incoming = replace(desk.incoming([], D, fetched_at=T0 + DAY + HOUR / 2), released=frozenset({D}))
        assert apply_load(desk.engine, incoming).held == []
    else:
        assert fetched(desk, DAY + HOUR).held == []
    assert (said("days"), said("tokens")) == ([(D, "empty")], [])
    assert ("vanished", D) in said("events")
    assert said("restated") == [(D, Decimal(5), None)]


@pytest.mark.parametrize(("new", "told"), [(79, True), (80, False), (100, False)])
def test_t3_lower_values_are_applied_the_old_ones_kept_and_a_fall_of_more_than_a_fifth_is_told(
    desk: Desk, said: Callable[..., Any], new: int, told: bool
) -> None:
    desk.connection_id += str(new)
    fetched(desk, 0 * HOUR, used(D, "m", 60), used(D, "n", 40), used(D + DAY, "m", 1), last=D + DAY)
    fetched(desk, DAY, used(D, "m", new - 40), used(D, "n", 40), used(D + DAY, "m", 1), last=D + DAY)
    assert (D, "m", new - 40) in said("tokens")
    assert said("restated") == ([(D, Decimal(60), Decimal(new - 40))] if new != 100 else [])
    assert said("events") == ([("figures_dropped", D)] if told else [])


def test_t4_a_row_that_disappears_is_removed_and_stays_on_record(desk: Desk, said: Callable[..., Any]) -> None:
    """The record of it is its line in `ops.restatement`, with its old value and no new one."""
    fetched(desk, 0 * HOUR, used(D, "m", 50), used(D, "gone", 3))
    fetched(desk, DAY, used(D, "m", 50))
    assert said("tokens") == [(D, "m", 50)]
    assert said("restated") == [(D, Decimal(3), None)]


def test_t5_values_that_rise_later_are_taken_by_the_next_look_back(site: Site) -> None:
    assert run(site, day_row(FIRST, "5"), day_row(LAST, "6")) is None
    site.provider.answers[USAGE] = answer(day_row(FIRST, "9"), day_row(LAST, "6"), day_row(LAST + DAY, "1"))
    connection = Connection(id=site.name, provider="fireworks", account=site.name)
    known = {FIRST: False, LAST: False}
    [window] = windows(Dates(LAST + DAY, LAST + DAY, heal=True), connection, FIREWORKS.report("usage"), known, now=NOW)
    assert FIRST in window
    assert run(site, day_row(FIRST, "9"), day_row(LAST, "6"), day_row(LAST + DAY, "1"), last=window.end - DAY) is None
    assert site.tokens() == {FIRST: 9, LAST: 6, LAST + DAY: 1}


def test_t6_a_settled_date_says_so_and_a_run_over_it_finds_a_correction(desk: Desk, query: Query, said: Any) -> None:
    """No run re-reads settled dates by itself: `ops.day.settled` tells which those are, and a manual run over them
    records what the provider changed since. A deep re-read is a team's own schedule of such runs."""
    fetched(desk, 30 * DAY, used(D, "m", 50))
    assert query("SELECT settled FROM ops.day WHERE connection_id = %s", desk.connection_id) == [(True,)]
    fetched(desk, 60 * DAY, used(D, "m", 51))
    assert said("restated") == [(D, Decimal(50), Decimal(51))]


@pytest.mark.parametrize("day", [FIRST - DAY, LAST + DAY, FIRST - 365 * DAY])
def test_t7_a_bucket_outside_of_the_window_is_refused_not_clipped(site: Site, day: date) -> None:
    failure = run(site, day_row(FIRST), day_row(day))
    assert isinstance(failure, contract_errors.OutOfWindow)
    assert str(day) in str(failure)
    assert (site.tokens(), {state for _, _, state in site.days()}) == ({}, {"failed"})
    assert run(site, day_row(FIRST), day_row(LAST)) is None
    assert site.tokens() == {FIRST: 7, LAST: 7}


def test_t8_a_date_without_rows_between_others_is_empty_or_held_and_takes_no_neighbours_rows(site: Site) -> None:
    middle, end = FIRST + DAY, FIRST + 2 * DAY
    assert run(site, day_row(FIRST, "1"), day_row(end, "3"), last=end) is None
    assert site.days() == {("usage", FIRST, "loaded"), ("usage", middle, "empty"), ("usage", end, "loaded")}
    assert run(site, day_row(FIRST, "1"), day_row(middle, "2"), last=end) is None
    assert site.tokens() == {FIRST: 1, middle: 2, end: 3}
    assert ("usage", end, "held") in site.days()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (f"{FIRST}T01:00:00Z", f"{LAST}T01:00:00Z"),
        (f"{FIRST}T00:00:00Z", f"{FIRST}T12:00:00Z"),
        (f"{FIRST}T00:00:00Z", f"{LAST + DAY}T00:00:00Z"),
        (f"{LAST}T00:00:00Z", f"{FIRST}T00:00:00Z"),
        (f"{FIRST}T00:00:00Z", f"{FIRST}T00:00:00Z"),
    ],
)
def test_t9_a_bucket_that_is_no_day_is_refused(site: Site, start: str, end: str) -> None:
    """Buckets that overlap are such: two different ones of one date cannot both be that day."""
    assert isinstance(run(site, day_row(FIRST), row(start, end, model="other")), contract_errors.BadBucket)
    assert site.tokens() == {}


def equals_the_truth(site: Site, zone: str, day: date, hours: float, starts: str) -> None:
    """Three dates of a zone from the stand-in provider: each meter of each date, and the bounds of the middle one."""
    first, end = day - DAY, day + 2 * DAY
    ran = site.run(first=first, last=end - DAY, reports=("usage",), timezone=zone)
    assert ran.failures == []
    truth = TRUTHS[site.name].expected_usage(first, end, zone, now=NOW)
    assert site.tokens() == {date_: meters["input_tokens"] for date_, meters in truth.items()}
    bounds = site.query(
        "SELECT DISTINCT usage_date, bucket_start, bucket_end FROM ledger.usage_daily WHERE connection_id = %s"
        " ORDER BY 1",
        site.name,
    )
    assert [found[0] for found in bounds] == [first, day, day + DAY]
    assert all(before[2] == after[1] for before, after in pairwise(bounds))
    assert bounds[1][1] == datetime.fromisoformat(f"{starts}:00+00:00")
    assert bounds[1][2] - bounds[1][1] == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("day", "hours", "starts"), [("2026-03-08", 23, "2026-03-08T08:00"), ("2026-11-01", 25, "2026-11-01T07:00")]
)
def test_t10_days_of_23_and_25_hours_are_one_date_each(site: Site, day: str, hours: float, starts: str) -> None:
    equals_the_truth(site, "America/Los_Angeles", date.fromisoformat(day), hours, starts)


@pytest.mark.parametrize(
    ("day", "hours", "starts"), [("2026-10-04", 23.5, "2026-10-03T13:30"), ("2026-04-05", 24.5, "2026-04-04T13:00")]
)
def test_t11_days_of_half_an_hour_less_or_more_are_one_date_each(
    site: Site, day: str, hours: float, starts: str
) -> None:
    equals_the_truth(site, "Australia/Lord_Howe", date.fromisoformat(day), hours, starts)


@pytest.mark.parametrize(
    ("zone", "day", "starts"),
    [
        ("America/Havana", "2026-03-08", "2026-03-08T05:00"),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00"),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00"),
    ],
)
def test_t12_a_day_without_midnight_begins_at_one(site: Site, zone: str, day: str, starts: str) -> None:
    equals_the_truth(site, zone, date.fromisoformat(day), 23, starts)
    assert datetime.fromisoformat(f"{starts}:00+00:00").astimezone(ZoneInfo(zone)).hour == 1


def test_t13_a_date_that_a_zone_skipped_is_not_asked_for_and_is_no_error(engine: Engine, query: Query) -> None:
    skipped, apia = date(2011, 12, 30), ZoneInfo("Pacific/Apia")
    assert cut([skipped], MONTH, apia) == []
    desk = Desk(engine, "t13", zone="Pacific/Apia")
    done = desk.load([used(skipped - DAY, "m", 1), used(skipped + DAY, "m", 2)], skipped - DAY, skipped + DAY)
    assert done.state == "loaded"
    days = query("SELECT usage_date FROM ops.day WHERE connection_id = 't13' ORDER BY 1")
    assert days == [(skipped - DAY,), (skipped + DAY,)]


@pytest.mark.parametrize(
    ("zone", "starts"),
    [
        ("Asia/Kolkata", "2026-11-09T18:30"),
        ("Asia/Kathmandu", "2026-11-09T18:15"),
        ("Pacific/Chatham", "2026-11-09T10:15"),
        ("Pacific/Marquesas", "2026-11-10T09:30"),
    ],
)
def test_t14_a_zone_off_by_quarters_of_an_hour_is_exact(site: Site, zone: str, starts: str) -> None:
    equals_the_truth(site, zone, date(2026, 11, 10), 24, starts)


def test_t15_a_leap_day_loads_and_one_that_does_not_exist_is_refused(site: Site, desk: Desk, said: Any) -> None:
    leap = date(2028, 2, 29)
    assert desk.load([used(leap, "m", 1)], leap).state == "loaded"
    assert said("days") == [(leap, "loaded")]
    failure = run(site, row("2027-02-29T00:00:00Z", "2027-03-01T00:00:00Z"))
    assert isinstance(failure, contract_errors.BadBucket)
    assert "2027-02-29" in str(failure)
    with pytest.raises(errors.BadWindow, match="2027-02-29"):
        requested_dates(
            "2027-02-29", "2027-03-01", now=NOW, connection=Connection(id="a", provider="fireworks", account="a")
        )


@pytest.mark.parametrize(
    ("zone", "first", "last", "spans"),
    [
        ("UTC", date(2026, 10, 1), date(2026, 10, 31), [31]),
        ("UTC", date(2026, 10, 1), date(2026, 11, 1), [31, 1]),
        ("America/Los_Angeles", date(2026, 10, 5), date(2026, 11, 4), [30, 1]),
    ],
    ids=["31 x 24 h", "a day more", "31 local days of 31 x 24 h and one hour"],
)
def test_t16_a_span_longer_than_the_provider_takes_is_split_and_equals_day_by_day(
    site: Site, zone: str, first: date, last: date, spans: list[int]
) -> None:
    ran = site.run(first=first, last=last, reports=("usage",), timezone=zone)
    assert ran.failures == []
    assert [window.days for report, window, _ in ran.loads if report == "usage"] == spans
    assert site.provider.request_count(USAGE) == len(spans)
    at_once = site.tokens()
    assert len(at_once) == sum(spans)
    for n in {0, 9, 29, 30, sum(spans) - 1}:
        one = site.run(first=first + n * DAY, last=first + n * DAY, reports=("usage",), timezone=zone)
        assert {sum(outcome.changed.values()) for _, _, outcome in one.loads} == {0}
    assert site.tokens() == at_once


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("2026-11-12", "2026-11-11", "after"),
        ("2026-11-20", "2026-11-20", "not over"),
        ("2026-11-19", "2027-11-19", "not over"),
        ("2014-12-31", "2026-11-01", "before"),
        (None, "2026-11-01", "both"),
    ],
)
def test_t17_an_impossible_range_is_refused_before_anything_is_asked(
    site: Site, first: str | None, last: str | None, says: str
) -> None:
    """Both ends are included, so that a first date equal to the last is one date. Dates before the account was made
    are asked for, and are empty."""
    connection = Connection(id=site.name, provider="fireworks", account=site.name)
    with pytest.raises(errors.BadWindow, match=says):
        requested_dates(first, last, now=NOW, connection=connection)
    assert site.provider.requests == []
    assert run(site, first=date(2015, 1, 1), last=date(2015, 1, 1)) is None
    assert site.days() == {("usage", date(2015, 1, 1), "empty")}


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_t18_a_day_that_is_not_over_is_never_asked_for(zone: str) -> None:
    """So no figure of an unfinished day is ever shown as final; it comes with the first run after its end."""
    connection = connection_from("a", {"provider": "fireworks", "account": "a", "timezone": zone}, "a.yaml")
    for report in (FIREWORKS.report("usage"), FIREWORKS.report("cost")):
        for hour in range(48):
            now = datetime(2026, 11, 19, tzinfo=UTC) + hour * HOUR
            found = windows(Dates(date(2026, 11, 21), date(2026, 11, 21), heal=True), connection, report, {}, now=now)
            assert all(day_bounds(window.end - DAY, connection.day_zone(report))[1] <= now for window in found)


GOOD = [
    (f"{FIRST}T00:00:00Z", f"{LAST}T00:00:00Z"),
    (f"{FIRST}T00:00:00+00:00", f"{LAST}T00:00:00+00:00"),
    (f"{FIRST}T05:30:00+0530", f"{LAST}T05:30:00+0530"),
    (f"{FIRST}T00:00:00.000000000Z", f"{LAST}T00:00:00.000000000Z"),
]
NO_TIMES: list[tuple[Any, Any]] = [
    (f"{FIRST}T00:00:00", f"{LAST}T00:00:00"),
    (str(FIRST), str(LAST)),
    (f"{FIRST - DAY}T23:59:60Z", f"{FIRST}T23:59:60Z"),
    (1794355200, 1794441600),
    ("1794355200", "1794441600"),
    ("1794355200000", "1794441600000"),
    ("", ""),
    (None, None),
]


@pytest.mark.parametrize(("start", "end", "good"), [(*b, True) for b in GOOD] + [(*b, False) for b in NO_TIMES])
def test_t19_a_bound_needs_its_zone_and_is_never_guessed(site: Site, start: Any, end: Any, good: bool) -> None:
    failure = run(site, row(start, end))
    if good:
        assert failure is None
        assert site.tokens() == {FIRST: 7}
    else:
        assert isinstance(failure, contract_errors.ContractBroken)
        assert site.tokens() == {}


@pytest.mark.parametrize("off", [timedelta(), timedelta(minutes=4), HOUR, -HOUR, DAY, -DAY])
def test_t20_clocks_that_differ_by_minutes_are_noted_and_change_no_window(
    scripted: Callable[..., Scripted], engine: Engine, query: Query, tmp_path: Any, off: timedelta
) -> None:
    """Windows come from the run's dates; the clock decides only which dates are over."""
    name = f"clock_{int(off.total_seconds())}".replace("-", "_")
    told = format_datetime(datetime.now(UTC) + off, usegmt=True)

    def dated(body: bytes) -> bytes:
        head = f"HTTP/1.1 200 OK\r\nDate: {told}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return head.encode() + body

    own = json.dumps({"accounts": [{"name": f"accounts/{name}"}]}).encode()
    server = scripted(dated(own), dated(answer(day_row(FIRST))[1]))
    connection = Connection(id=name, provider="fireworks", account=name, reports=("usage",))
    with Client(FIREWORKS, base_url=server.url, credential=Credential("fw_a-key-to-ask"), account=name) as client:
        ran = run_all(connection, Dates(FIRST, FIRST), client=client, engine=engine, root=tmp_path, now=NOW)
    assert ran.failures == []
    assert f"startTime={FIRST}T00%3A00%3A00Z&endTime={LAST}T00%3A00%3A00Z".encode() in server.requests[1]
    kinds = query("SELECT kind FROM ops.event WHERE connection_id = %s AND report = 'usage'", name)
    assert kinds == ([("clock_skew",)] if abs(off) > timedelta(minutes=5) else [])


def test_t21_days_begin_where_the_pinned_time_zones_say_and_the_manifest_names_their_version(site: Site) -> None:
    """The host's own files are not read; a provider that has other rules shows by its buckets."""
    assert zoneinfo.TZPATH == ()
    assert run(site, day_row(FIRST), last=FIRST) is None
    manifest = next(one for _, one in landed_manifests(site.root, "fireworks", site.name) if one.report == "usage")
    assert manifest.tzdata == tzdata.IANA_VERSION
    other_rules = row(f"{FIRST}T06:00:00Z", f"{LAST}T06:00:00Z")
    failure = run(site, other_rules, first=FIRST, last=FIRST, timezone="UTC")
    assert isinstance(failure, contract_errors.BadBucket)
    assert Window(FIRST, LAST) == manifest.window
