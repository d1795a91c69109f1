"""Fireworks' money by key, model and user, from the question to the ledger."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from kit.answering import Account, Answer, Received

Json = dict[str, Any]
PATH = "usageCosts:query"
DAY = date(2026, 11, 19)


def money(units: str) -> Json:
    return {"currencyCode": "USD", "units": units, "nanos": 0}


def answer(key: str = "a", total: str = "3", **more: Any) -> Answer:
    """One row of three dollars."""
    place = {"startTime": f"{DAY}T00:00:00Z", "apiKeyId": key, "model": key, "user": key}
    return Answer({"rows": [{"dimensions": place, "subtotal": money("3")}], "subtotal": money(total), **more})


@pytest.fixture
def mine(account: Callable[..., Account]) -> Account:
    return account("fireworks")


def test_the_question_is_asked_three_times_with_a_body(mine: Account) -> None:
    bodies: list[Json] = []

    def say(request: Received) -> Answer:
        bodies.append(json.loads(request.body))
        return answer()

    mine.server.answers[PATH] = say
    assert mine.run(DAY, reports=("key_cost",)).failures == []
    assert bodies == [
        {
            "startTime": "2026-11-19T00:00:00Z",
            "endTime": "2026-11-20T00:00:00Z",
            "scope": "ACCOUNT",
            "groupBy": ["DAY", dimension],
            "pageSize": 1000,
        }
        for dimension in ("API_KEY", "MODEL", "USER")
    ]


def test_a_further_page_is_asked_for_in_the_body(mine: Account) -> None:
    tokens: list[str] = []

    def say(request: Received) -> Answer:
        token = json.loads(request.body).get("pageToken", "")
        tokens.append(token)
        return answer(token or "first", total="6", nextPageToken="" if token else "second")

    mine.server.answers[PATH] = say
    assert mine.run(DAY, reports=("key_cost",)).failures == []
    assert tokens == ["", "second"] * 3
    assert mine.days("key_cost") == {DAY: "loaded"}


def test_a_sum_that_differs_holds_the_date(mine: Account) -> None:
    mine.server.answers[PATH] = answer(total="4")
    mine.run(DAY, reports=("key_cost",))
    assert mine.days("key_cost") == {DAY: "held"}


def test_a_key_that_is_no_administrators_is_a_warning_once(mine: Account) -> None:
    mine.server.answers[PATH] = Answer({"code": 7, "message": "only account administrators may query costs"}, 403)
    for _ in range(2):
        assert mine.run(DAY, reports=("key_cost",)).failures == []
    events = [event for event in mine.events() if event[0] == "report_absent"]
    assert events == [("report_absent", "warning", "the key may not read the report key_cost")]
    assert mine.days("key_cost") == {}


def test_a_right_that_was_there_before_and_is_gone_is_a_failure(mine: Account) -> None:
    mine.server.answers[PATH] = answer()
    assert mine.run(DAY, reports=("key_cost",)).failures == []
    mine.server.answers[PATH] = Answer({"code": 7, "message": "no"}, 403)
    (failure,) = mine.run(DAY, reports=("key_cost",)).failures
    assert type(failure).__name__ == "NoPermission"
