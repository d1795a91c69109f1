"""Predictions: when one has ended, and on which day it counts."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from kit.answering import Account, Answer, Received, sample

from usage_ledger.reading import facts

DAY = date(2026, 11, 10)
Make = Callable[..., Account]


def replicate(account: Make, predictions: Any) -> Account:
    one = account("replicate")
    one.server.answers |= {
        "/account": Answer({"username": one.account}),
        "/deployments": Answer({"next": None, "results": []}),
        "/hardware": Answer([{"name": "CPU", "sku": "cpu"}]),
        "/predictions": predictions,
    }
    return one


def test_re_unknown_status_is_settled(account: Make) -> None:
    one = replicate(account, Answer(sample("re-unknown-status-is-settled")))
    assert one.run(DAY).failures == []
    days = "SELECT settled, evidence ->> 'open' FROM ops.day WHERE connection_id = %s AND report = 'predictions'"
    assert one.query(days) == [(False, "1")]


@pytest.mark.parametrize("status", ["starting", "processing", "succeeded", "teleported"])
def test_a_prediction_with_an_end_has_ended_whatever_its_status_is_called(account: Make, status: str) -> None:
    document = json.loads(sample("re-unknown-status-is-settled"))
    document["results"][0] |= {"status": status, "completed_at": f"{DAY}T09:14:06Z"}
    one = replicate(account, Answer(document))
    assert one.run(DAY).failures == []
    days = "SELECT settled, evidence ->> 'open' FROM ops.day WHERE connection_id = %s AND report = 'predictions'"
    assert one.query(days) == [(True, None)]


def test_re_moved_over_midnight(account: Make) -> None:
    """Counted twice by single-day runs until its first date is read again, as the provider's page says."""
    answers = json.loads(sample("re-moved-over-midnight"))
    [moved] = answers["second"]["results"]
    moved["id"] = answers["first"]["results"][0]["id"]
    places = {str(DAY): answers["first"]}

    def predictions(request: Received) -> Answer:
        [after] = request.values("created_after")
        return Answer(places.get(after[:10], {"next": None, "previous": None, "results": []}))

    one = replicate(account, predictions)
    assert one.run(DAY).failures == []
    places.clear()
    places[str(DAY + timedelta(days=1))] = answers["second"]
    assert one.run(DAY + timedelta(days=1)).failures == []
    assert len(one.usage("usage_date")) == 2
    assert one.run(DAY).held
    one.age_holds()
    assert not one.run(DAY).held
    assert one.usage("usage_date, requests") == [(DAY + timedelta(days=1), 1)]


def test_events_count_once_each_however_many_are_summed_together(
    account: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several pages, and two models that alternate."""
    monkeypatch.setattr(facts, "EVENTS", 4)
    [first] = json.loads(sample("re-unknown-status-is-settled"))["results"]
    results = [
        first | {"id": f"p{n}", "model": f"acme/m{n % 2}", "metrics": {"input_token_count": 10**n}} for n in range(15)
    ]
    pages = [results[at : at + 5] for at in (0, 5, 10)]

    def predictions(request: Received) -> Answer:
        [page] = request.values("cursor") or ["0"]
        at = int(page)
        following = f"{one.url}/v1/predictions?cursor={at + 1}" if at < 2 else None
        return Answer({"previous": None, "next": following, "results": pages[at]})

    one = replicate(account, predictions)
    assert one.run(DAY).failures == []
    expected = {f"acme/m{odd}": (len(range(odd, 15, 2)), sum(10**n for n in range(odd, 15, 2))) for odd in (0, 1)}
    assert {model: tuple(counts) for model, *counts in one.usage("model, requests, input_tokens")} == expected
