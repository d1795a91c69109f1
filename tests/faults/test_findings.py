"""What no error tells: totals that differ, rows that stop coming. People find it where they look."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from kit.provider_site import COST, DAY, FIRST, LAST, NOW, USAGE, Query, Site
from kit.staged_loads import T0, Desk, charged, used
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.pipeline.rebuild import release
from usage_ledger.warehouse import status
from usage_ledger.warehouse.incoming import Outcome
from usage_ledger.warehouse.ledger import apply_load

HOUR = timedelta(hours=1)
D = date(2026, 6, 1)


def money(units: int, nanos: int = 0) -> dict[str, Any]:
    return {"currencyCode": "USD", "units": str(units), "nanos": nanos}


def summary(total: dict[str, Any]) -> tuple[int, bytes]:
    """Two days of one line item of 5 dollars each, and a total over both."""
    item = {"category": "Inference", "groupingKey": "model", "groupingValue": "m", "totalCost": money(5)}
    days = [
        {"startTime": f"{day}T00:00:00Z", "endTime": f"{day + DAY}T00:00:00Z", "lineItems": [item]}
        for day in (FIRST, LAST)
    ]
    return 200, json.dumps({"lineItems": [item | {"totalCost": total}], "usageBuckets": days}).encode()


def test_s13_rows_that_do_not_add_up_to_the_providers_total_are_held_with_both_numbers(
    site: Site, engine: Engine, query: Query
) -> None:
    """Rows that agree with the total, or a person, end that; less than each amount's rounding to a nano is no
    difference."""
    site.provider.answers[COST] = summary(money(11))
    ran = site.run(reports=("cost",))
    assert (ran.failures, ran.held) == ([], True)
    assert site.cost() == {}
    assert site.days() == {("cost", day, "held") for day in (FIRST, LAST)}
    [(kind, _, _, message, next_step)] = site.events()
    assert kind == "totals_mismatch"
    assert all(number in message for number in ("USD 11", "its rows 10", "2 dates are held"))
    assert "usage-ledger release" in next_step
    connection = Connection(id=site.name, provider="fireworks", account=site.name)
    assert release(connection, FIRST, engine=engine, root=site.root).failures == []
    assert site.cost() == {FIRST: Decimal(5)}
    assert site.days() == {("cost", FIRST, "loaded"), ("cost", LAST, "held")}
    site.provider.answers[COST] = summary(money(10, 1))
    assert not site.run(reports=("cost",)).held
    assert site.cost() == {FIRST: Decimal(5), LAST: Decimal(5)}


def test_a_total_that_differs_however_often_lets_no_row_in(engine: Engine, query: Query) -> None:
    """Nor do rows without a total; rows that agree with one do."""
    desk = Desk(engine, "mismatch")
    rows = "SELECT amount FROM ledger.cost_daily WHERE connection_id = %s"

    def fetched(later: timedelta, **staged: Any) -> Outcome:
        incoming = desk.incoming([], D, cost=[charged(D, "a", Decimal(5))], fetched_at=T0 + later)
        return apply_load(engine, replace(incoming, staged=msgspec.structs.replace(incoming.staged, **staged)))

    for later in (0 * HOUR, HOUR / 2, HOUR, DAY, 9 * DAY):
        assert fetched(later, mismatch="6 is not 5").held == [D]
    assert fetched(10 * DAY).held == [D]
    assert query(rows, desk.connection_id) == []
    assert fetched(11 * DAY, agrees=True).held == []
    assert query(rows, desk.connection_id) == [(Decimal(5),)]


def test_a_date_held_for_its_total_is_empty_when_two_whole_answers_an_hour_apart_say_so(engine: Engine) -> None:
    """One that contradicts the total counts for neither of them."""
    desk = Desk(engine, "held_empty")

    def fetched(later: timedelta, mismatch: str = "") -> list[date]:
        incoming = desk.incoming([], D, fetched_at=T0 + later)
        staged = msgspec.structs.replace(incoming.staged, mismatch=mismatch)
        return apply_load(engine, replace(incoming, staged=staged)).held

    assert fetched(0 * HOUR, "3 is not 0") == [D]
    assert fetched(2 * HOUR) == [D]
    assert fetched(3 * HOUR, "3 is not 0") == [D]
    assert fetched(4 * HOUR) == [D]
    assert fetched(4 * HOUR + HOUR / 2) == [D]
    assert fetched(5 * HOUR) == []


def test_a_hold_of_one_kind_does_not_confirm_the_other(engine: Engine, query: Query) -> None:
    desk = Desk(engine, "two_kinds")
    cause = "SELECT evidence ->> 'held_for' FROM ops.day WHERE connection_id = %s"
    desk.load([used(D, "m", 5)], D)
    assert desk.load([], D, fetched_at=T0 + HOUR).held == [D]
    assert query(cause, desk.connection_id) == [("Vanished",)]
    incoming = desk.incoming([used(D, "m", 6)], D, fetched_at=T0 + 3 * HOUR)
    differing = replace(incoming, staged=msgspec.structs.replace(incoming.staged, mismatch="6 is not 7"))
    assert apply_load(engine, differing).held == [D]
    assert query(cause, desk.connection_id) == [("TotalsMismatch",)]
    rows = query("SELECT input_tokens FROM ledger.usage_daily WHERE connection_id = %s", desk.connection_id)
    assert rows == [(5,)]


def test_rows_that_stop_coming_are_told_once_with_the_next_step_where_people_look(
    site: Site, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    site.run(reports=("usage",))
    site.provider.answers[USAGE] = (200, b'{"serverlessCosts": []}')
    with caplog.at_level("WARNING", "usage_ledger"):
        for days in (1, 2, 3, 4, 3):
            day = LAST + days * DAY
            assert site.run(first=day, last=day, reports=("usage",)).failures == []
    told = [event for event in site.events() if event[0] == "rows_stopped"]
    [(_, severity, report, message, next_step)] = told
    assert (severity, report) == ("warning", "usage")
    assert f"{LAST + 3 * DAY} has no rows, though {LAST} had" in message
    assert "lost a right" in next_step
    assert message in caplog.text
    [row] = status.connections(engine, site.name)
    assert (row["newest_event"], row["newest_event_next_step"]) == (message, next_step)
    assert message in [event["message"] for event in status.events(engine, site.name)]


def test_a_first_empty_date_and_an_idle_account_are_no_finding(site: Site) -> None:
    site.provider.answers[USAGE] = (200, b'{"serverlessCosts": []}')
    for day in (FIRST, LAST):
        site.run(first=day, last=day, reports=("usage",))
    assert [event[0] for event in site.events()] == []


def test_an_empty_weekday_is_told_where_three_weeks_before_had_rows(engine: Engine, query: Query) -> None:
    """Weekends without use are none of it; a working day without is."""
    desk = Desk(engine, "weekdays")

    def told() -> list[tuple[Any, ...]]:
        rows = "SELECT usage_date FROM ops.event WHERE connection_id = %s AND kind = 'rows_stopped' ORDER BY 1"
        return query(rows, desk.connection_id)

    for number in range(28):
        day = D + number * DAY  # a Monday first
        desk.load([used(day, "m", 5)] if day.weekday() < 5 else [], day, fetched_at=T0 + number * DAY)
    assert told() == []
    monday = D + 28 * DAY
    desk.load([], monday, fetched_at=T0 + 28 * DAY)
    assert told() == [(monday,)]
    desk.load([], monday + DAY, fetched_at=T0 + 29 * DAY)
    assert told() == [(monday,)]
    desk.load([used(monday + 2 * DAY, "m", 5)], monday + 2 * DAY, fetched_at=T0 + 30 * DAY)
    desk.load([], monday + 3 * DAY, fetched_at=T0 + 31 * DAY)
    assert told() == [(monday,), (monday + 3 * DAY,)]


def test_use_on_every_second_day_is_no_finding(engine: Engine, query: Query) -> None:
    desk = Desk(engine, "alternate")
    for number in range(28):
        day = D + number * DAY
        desk.load([used(day, "m", 5)] if number % 2 == 0 else [], day, fetched_at=T0 + number * DAY)
    assert query("SELECT kind FROM ops.event WHERE connection_id = %s", desk.connection_id) == []


@pytest.mark.parametrize("answer", [(429, b""), (503, b""), (200, b"<html>sign in</html>"), (200, b"")])
def test_an_attempt_that_brought_nothing_has_an_end(site: Site, answer: tuple[int, bytes]) -> None:
    """The next try is an attempt of its own."""
    site.provider.answers[USAGE] = answer
    site.run(reports=("usage",))
    [(state, error, ended)] = [
        row[1:] for row in site.loads("report, state, error_class, ended_at") if row[0] == "usage"
    ]
    assert (state, error is None, ended is None) == ("failed", False, False)
    site.provider.answers.clear()
    assert site.run(reports=("usage",)).failures == []
    assert [row[1] for row in site.loads() if row[0] == "usage"] == ["failed", "loaded"]


def fares(site: Site, engine: Engine) -> tuple[Any, ...]:
    [row] = status.connections(engine, site.name)
    return row["state"], row["missing_days"], row["failed_days"], row["last_error_message"]


def test_a_report_left_out_after_a_403_ends_the_connections_failure(site: Site, engine: Engine) -> None:
    last = NOW.date() - DAY
    site.provider.answers[COST] = (403, b'{"message": "no billing right"}')
    site.run(last=last)
    state, _, _, message = fares(site, engine)
    assert state == "failing"
    assert "leave the report out" in message
    site.run(last=last, reports=("usage",))
    assert {report for _, report, *_ in report_days(site)} == {"usage"}
    assert fares(site, engine)[1:] == (missing(site), 0, None)
    assert fares(site, engine)[0] != "failing"
    site.run(last=last)
    assert fares(site, engine)[0] == "failing"
    site.provider.answers.clear()
    site.run(last=last)
    assert fares(site, engine)[2:] == (0, None)


def test_a_report_that_is_no_longer_fetched_does_not_keep_the_connection_behind(
    site: Site, engine: Engine, query: Query
) -> None:
    """Its dates and rows stay as they are."""
    site.run()
    before = site.cost()
    site.run(reports=("usage",), last=NOW.date() - DAY)
    assert {report for _, report, *_ in report_days(site)} == {"usage"}
    assert fares(site, engine)[1] == missing(site)
    assert site.cost() == before
    assert len(site.days()) > len({day for report, day, _ in site.days() if report == "usage"})
    site.run(first=LAST, last=LAST)
    assert {report for _, report, *_ in report_days(site)} == {"usage", "cost"}


def report_days(site: Site) -> list[tuple[Any, ...]]:
    return site.query("SELECT state, report FROM marts.coverage WHERE connection_id = %s", site.name)


def missing(site: Site) -> int:
    """Dates of `usage` after what the test fetched, up to yesterday of the machine's clock."""
    return sum(state == "missing" for state, report in report_days(site) if report == "usage")
