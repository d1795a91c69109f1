"""The whole pipeline against the stand-in provider: the ledger equals what is true, and stays untouched by repeats."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core.windows import first_instant
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import Ran, run_all
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.truth import FireworksTruth

KEY = "fw_the-one-that-opens"
NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
DAY = timedelta(days=1)


class Case(NamedTuple):
    """A connection's zone and dates (both included), how long they last in hours, and in how many windows."""

    id: str
    zone: str
    first: date
    last: date
    hours: float
    windows: int


CASES = [
    Case("utc", "UTC", date(2026, 10, 20), date(2026, 11, 19), 31 * 24, 1),
    Case("los_angeles_spring", "America/Los_Angeles", date(2026, 3, 7), date(2026, 3, 9), 71, 1),
    Case("los_angeles_autumn", "America/Los_Angeles", date(2026, 10, 5), date(2026, 11, 4), 31 * 24 + 1, 2),
    Case("lord_howe_autumn", "Australia/Lord_Howe", date(2026, 4, 4), date(2026, 4, 6), 72.5, 1),
    Case("lord_howe_spring", "Australia/Lord_Howe", date(2026, 9, 10), date(2026, 10, 10), 31 * 24 - 0.5, 1),
    Case("kiritimati", "Pacific/Kiritimati", date(2026, 11, 16), date(2026, 11, 20), 120, 1),
]
TRUTHS = {case.id: FireworksTruth(seed=number, account=case.id) for number, case in enumerate(CASES)}
each_case = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with running(create_app(list(TRUTHS.values()), KEY, now=lambda: NOW)) as url:
        yield url


@pytest.fixture(scope="module")
def run(engine: Engine, base_url: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Ran]:
    root: Path = tmp_path_factory.mktemp("raw")

    def once(case: Case) -> Ran:
        connection = Connection(id=case.id, provider="fireworks", account=case.id, timezone=case.zone)
        with Client(
            connection.declared, base_url=base_url, credential=Credential(KEY), account=case.id, sleep=lambda _: None
        ) as client:
            return run_all(connection, Dates(case.first, case.last), client=client, engine=engine, root=root, now=NOW)

    return once


@pytest.fixture(scope="module")
def loaded(run: Callable[[Case], Ran]) -> Callable[[Case], Ran]:
    """Runs a case once, however many tests look at it."""
    ran: dict[str, Ran] = {}
    return lambda case: ran.get(case.id) or ran.setdefault(case.id, run(case))


@each_case
def test_the_dates_are_asked_for_in_the_windows_that_the_report_allows(
    loaded: Callable[[Case], Ran], case: Case
) -> None:
    connection = Connection(id=case.id, provider="fireworks", account=case.id, timezone=case.zone)
    elapsed = first_instant(case.last + DAY, connection.zone) - first_instant(case.first, connection.zone)
    assert elapsed == timedelta(hours=case.hours)
    ran = loaded(case)
    assert ran.failures == []
    windows = sorted(window for report, window, _ in ran.loads if report == "usage")
    assert len(windows) == case.windows
    assert [day for window in windows for day in window] == [
        case.first + DAY * n for n in range((case.last - case.first).days + 1)
    ]


@each_case
def test_every_meter_of_every_day_equals_the_truth(loaded: Callable[[Case], Ran], query: Query, case: Case) -> None:
    loaded(case)
    truth = TRUTHS[case.id].expected_usage(case.first, case.last + DAY, case.zone, now=NOW)
    meters = list(next(iter(truth.values())))
    sums = ", ".join(f"coalesce(sum({meter}), 0)" for meter in meters)
    rows = query(
        f"SELECT usage_date, {sums} FROM ledger.usage_daily WHERE connection_id = %s AND breakdown = '' GROUP BY 1",
        case.id,
    )
    assert all(any(day.values()) for day in truth.values())
    assert {day: dict(zip(meters, told, strict=True)) for day, *told in rows} == truth


@each_case
@pytest.mark.parametrize("column", ["model", "api_key_id"])
def test_tokens_per_model_and_key_equal_the_truth(
    loaded: Callable[[Case], Ran], query: Query, case: Case, column: str
) -> None:
    loaded(case)
    truth = TRUTHS[case.id]
    expected = truth.expected_by_model if column == "model" else truth.expected_by_api_key
    rows = query(
        f"SELECT usage_date, {column}, sum(input_tokens), sum(output_tokens) FROM ledger.usage_daily"
        " WHERE connection_id = %s AND usage_type = 'serverless' GROUP BY 1, 2",
        case.id,
    )
    assert {
        (day, named): {"input_tokens": read, "output_tokens": written} for day, named, read, written in rows
    } == expected(case.first, case.last + DAY, case.zone, now=NOW)


@each_case
def test_cost_of_every_completed_utc_day_equals_the_truth(
    loaded: Callable[[Case], Ran], query: Query, case: Case
) -> None:
    """In Kiritimati, 14 hours ahead, the newest local date is over while its UTC day is not: no cost is told yet."""
    loaded(case)
    end = min(case.last + DAY, NOW.date())
    rows = query(
        "SELECT usage_date, sum(amount) FROM ledger.cost_daily"
        " WHERE connection_id = %s AND currency = 'USD' AND breakdown = '' GROUP BY 1",
        case.id,
    )
    assert dict(rows) == TRUTHS[case.id].expected_cost(case.first, end, now=NOW)


@each_case
def test_the_buckets_of_each_day_are_the_zones_own(loaded: Callable[[Case], Ran], query: Query, case: Case) -> None:
    loaded(case)
    rows = query(
        "SELECT DISTINCT usage_date, bucket_start, bucket_end FROM ledger.usage_daily WHERE connection_id = %s"
        " ORDER BY 1",
        case.id,
    )
    assert [starts for _, starts, _ in rows[1:]] == [ends for _, _, ends in rows[:-1]]
    assert sum((ends - starts for _, starts, ends in rows), timedelta()) == timedelta(hours=case.hours)
    days = query(
        "SELECT report, state, day_zone, count(*) FROM ops.day WHERE connection_id = %s GROUP BY 1, 2, 3", case.id
    )
    completed = (min(case.last + DAY, NOW.date()) - case.first).days
    assert sorted(days) == [("cost", "loaded", "UTC", completed), ("usage", "loaded", case.zone, len(rows))]


def test_running_again_in_any_order_changes_nothing_and_rewrites_no_row(
    loaded: Callable[[Case], Ran],
    run: Callable[[Case], Ran],
    query: Query,
    content: Callable[..., dict[str, str]],
    versions: Callable[[], list[tuple[Any, ...]]],
) -> None:
    again_in_this_order = [case for case in reversed(CASES) if case.id in ("los_angeles_spring", "kiritimati")]
    for case in (CASES[0], *again_in_this_order):
        loaded(case)
    before, rows = content("ops.restatement", "ops.name_observation"), versions()
    assert len(rows) > 1000
    for case in again_in_this_order:
        again = run(case)
        assert again.failures == []
        assert {count for _, _, outcome in again.loads for count in outcome.changed.values()} == {0}
    part = CASES[0]._replace(first=date(2026, 11, 2), last=date(2026, 11, 4))
    assert run(part).failures == []
    assert content("ops.restatement", "ops.name_observation") == before
    assert versions() == rows
    assert query("SELECT count(*) FROM ops.restatement") == [(0,)]
