"""Answers that contradict the vendor's own total: however often they come, they confirm nothing."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from kit.answering import Account, Answer, Received, sample

from usage_ledger.pipeline.rebuild import release

DAY = date(2026, 11, 10)
Make = Callable[..., Account]
CASE = "fw-totals-mismatch-taken-after-an-hour"


def answered(account: Make, document: Any) -> Account:
    one = account("fireworks")
    one.server.answers["/accounts"] = Answer({"accounts": [{"name": f"accounts/{one.account}"}]})
    one.server.answers["/summary"] = Answer(document)
    return one


def run(one: Account) -> bool:
    """One run, two hours after what was held before; whether the date is held."""
    one.age_holds()
    ran = one.run(DAY, reports=("cost",))
    assert [failure for failure in ran.failures if failure.report == "cost"] == []
    return ran.held


def total(document: bytes, units: str) -> dict[str, Any]:
    """The case's answer with another total."""
    answer: dict[str, Any] = json.loads(document)
    answer["lineItems"][0]["totalCost"] = {"currencyCode": "USD", "units": units, "nanos": 4_400_000}
    return answer


def with_rows(document: bytes, units: str) -> dict[str, Any]:
    """The case's answer with one row, of so many dollars."""
    answer: dict[str, Any] = json.loads(document)
    bounds = {"startTime": f"{DAY}T00:00:00Z", "endTime": f"{DAY + timedelta(days=1)}T00:00:00Z"}
    item = total(document, units)["lineItems"][0]
    return answer | {"usageBuckets": [bounds | {"lineItems": [item]}]}


@pytest.mark.parametrize("rows", ["none", "others"])
def test_fw_totals_mismatch_is_never_taken_by_itself(account: Make, rows: str) -> None:
    body = sample(CASE)
    one = answered(account, body if rows == "none" else with_rows(body, "2"))
    for _ in range(4):
        assert run(one)
        assert one.days("cost") == {DAY: "held"}
        assert one.cost("amount") == []
    assert {kind for kind, _, _ in one.events()} >= {"totals_mismatch"}
    one.server.answers["/summary"] = Answer(with_rows(body, "3"))
    assert not run(one)
    assert one.days("cost") == {DAY: "loaded"}
    assert one.cost("amount") == [(Decimal("3.0044"),)]


def test_rows_that_contradict_the_total_never_replace_loaded_ones(account: Make) -> None:
    body = sample(CASE)
    one = answered(account, with_rows(body, "3"))
    assert not run(one)
    for answer in (body, with_rows(body, "2"), body, body):
        one.server.answers["/summary"] = Answer(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
        assert run(one)
        assert one.cost("amount") == [(Decimal("3.0044"),)]
    assert release(one.connection(), DAY, engine=one.engine, root=one.root).failures == []
    assert one.cost("amount") == []


def test_whole_answers_that_say_empty_an_hour_apart_end_a_hold(account: Make) -> None:
    one = answered(account, with_rows(sample(CASE), "3"))
    assert not run(one)
    one.server.answers["/summary"] = Answer({"lineItems": [], "usageBuckets": []})
    assert run(one)
    assert not run(one)
    assert one.days("cost") == {DAY: "empty"}


def test_one_contradicted_date_keeps_its_neighbours_for_one_run_and_is_released_for_good(account: Make) -> None:
    """It is asked for alone from then on; once released, the same difference is no news, another one is."""
    dates = [DAY + timedelta(days=n) for n in range(4)]
    items = {day: with_rows(sample(CASE), "3")["usageBuckets"][0]["lineItems"][0] for day in dates}
    totals = {day: item["totalCost"] for day, item in items.items()} | {dates[1]: total_of("5")}

    def summary(request: Received) -> Answer:
        [start], [end] = request.values("startTime"), request.values("endTime")
        days = [day for day in dates if start[:10] <= str(day) < end[:10]]
        buckets = [
            {
                "startTime": f"{day}T00:00:00Z",
                "endTime": f"{day + timedelta(days=1)}T00:00:00Z",
                "lineItems": [items[day]],
            }
            for day in days
        ]
        line_items = [items[day] | {"totalCost": totals[day]} for day in days]
        return Answer({"lineItems": line_items, "usageBuckets": buckets})

    one = answered(account, {})
    one.server.answers["/summary"] = summary

    def states() -> str:
        ran = one.run(dates[-1], reports=("cost",), heal=True)
        assert [failure for failure in ran.failures if failure.report == "cost"] == []
        return " ".join(state for _, state in sorted(one.days("cost").items()))

    assert states() == "held held held held"
    assert one.server.count("/summary") == 1
    assert states() == states() == "loaded held loaded loaded"
    assert release(one.connection(), dates[1], engine=one.engine, root=one.root).failures == []
    told = len(one.events())
    assert states() == states() == "loaded loaded loaded loaded"
    assert len(one.events()) == told
    totals[dates[1]] = total_of("6")
    assert states() == "loaded held loaded loaded"
    totals[dates[1]] = items[dates[1]]["totalCost"]
    assert states() == "loaded loaded loaded loaded"
    before = one.server.count("/summary")
    assert states() == "loaded loaded loaded loaded"
    assert one.server.count("/summary") == before + 1


def total_of(units: str) -> dict[str, Any]:
    return {"currencyCode": "USD", "units": units, "nanos": 4_400_000}


def test_a_total_that_is_of_failed_dates_too_ends_no_hold(account: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a vendor that sends a total and a bucket for each date, one of which is missing."""
    body = sample(CASE)
    one = answered(account, body)
    assert run(one)
    one.server.answers["/summary"] = Answer(with_rows(body, "3"))
    later = DAY + timedelta(days=1)
    monkeypatch.setattr("usage_ledger.pipeline.transform.missing_buckets", lambda *_: [later])
    assert one.run(DAY, later, reports=("cost",)).held
    assert one.days("cost") == {DAY: "held", later: "failed"}
    assert one.cost("amount") == []
