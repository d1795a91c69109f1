"""Answers that contradict the vendor's own total: however often they come, they confirm nothing."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from kit.answering import Account, Answer, sample

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
