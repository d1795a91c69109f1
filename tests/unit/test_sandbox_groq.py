"""The stand-in for Groq tells one truth, and refuses what the metrics server refuses."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from usage_ledger.sandbox.groq.account import METRICS, PERCENTILES, REQUESTS, TOKENS_IN, TOKENS_OUT
from usage_ledger.sandbox.groq.api import PREFIX, groq_router
from usage_ledger.sandbox.groq.truth import GroqTruth

TRUTH = GroqTruth()
ACCOUNTS = {
    "gsk_opens": TRUTH,
    "gsk_plain": replace(TRUTH, enterprise=False),
    "gsk_older": replace(TRUTH, names="percentiles"),
    "gsk_half": replace(TRUTH, partial=True),
    "gsk_nan": replace(TRUTH, not_a_number=True),
    "gsk_late": replace(TRUTH, offset=37),
}
NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
DAY = date(2026, 11, 18)
START = int(datetime(2026, 11, 18, tzinfo=UTC).timestamp())
END = START + 86_400
Json = Any


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    app = FastAPI()
    app.include_router(groq_router(ACCOUNTS, lambda: NOW))
    with TestClient(app) as opened:
        yield opened


def ask(client: httpx.Client, path: str, key: str = "gsk_opens", **params: Any) -> httpx.Response:
    return client.get(path, params=params, headers={"Authorization": f"Bearer {key}"})


def tiled(client: httpx.Client, metric: str, key: str = "gsk_opens", by: str = "model, project_id") -> Json:
    query = f"sum by ({by}) ({metric})"
    window = {"start": START + 300, "end": END, "step": 300}
    response = ask(client, f"{PREFIX}/api/v1/query_range", key, query=query, **window)
    assert response.status_code == 200, response.text
    return json.loads(response.content, parse_float=Decimal)


def total(answer: Json) -> Decimal:
    """The whole numbers that the points of a day stand for."""
    values = [Decimal(value) * 300 for series in answer["data"]["result"] for _, value in series["values"]]
    return sum((value.to_integral_value() for value in values), Decimal(0))


def test_the_points_of_a_day_add_up_to_the_truth(client: httpx.Client) -> None:
    truth = TRUTH.expected("usage", DAY, DAY + timedelta(days=1))[DAY, "", ""]
    peak = truth.pop("peak_input_tokens_per_second")
    assert truth.pop("peak_output_tokens_per_second") > 0
    highest = [max(Decimal(value) for _, value in one["values"]) for one in tiled(client, TOKENS_IN)["data"]["result"]]
    assert peak == sum(value.quantize(Decimal("1E-9")) for value in highest)
    sums = {metric: total(tiled(client, metric)) for metric in METRICS}
    columns = {TOKENS_IN: "input_tokens", TOKENS_OUT: "output_tokens", REQUESTS: "requests"}
    assert {columns[metric]: amount for metric, amount in sums.items()} == truth
    assert all(amount > 1000 for amount in sums.values())


def test_a_series_is_steady_or_vanishes(client: httpx.Client) -> None:
    lengths = {len(series["values"]) for series in tiled(client, TOKENS_IN)["data"]["result"]}
    assert lengths == {288}
    bursts = [
        day
        for day in (date(2026, 11, 1) + timedelta(number) for number in range(14))
        if (day, "", "llama-3.1-8b-instant") in TRUTH.expected("usage", day, day + timedelta(1), by="model")
    ]
    assert 0 < len(bursts) < 14


def test_samples_before_the_edges_shift_the_day_a_little(client: httpx.Client) -> None:
    exact, shifted = total(tiled(client, TOKENS_IN)), total(tiled(client, TOKENS_IN, "gsk_late"))
    assert exact != shifted
    assert abs(shifted / exact - 1) < Decimal("0.001")


def test_the_knobs_show(client: httpx.Client) -> None:
    half = tiled(client, TOKENS_IN, "gsk_half")
    assert half["isPartial"] is True
    assert len(half["data"]["result"]) < len(tiled(client, TOKENS_IN)["data"]["result"])
    assert tiled(client, TOKENS_IN, "gsk_nan")["data"]["result"][0]["values"][0][1] == "NaN"
    assert tiled(client, TOKENS_IN, "gsk_older")["data"]["result"] == []
    nameless = tiled(client, TOKENS_IN, by="model_name, project")["data"]["result"]
    assert [series["metric"] for series in nameless] == [{}]
    assert ask(client, f"{PREFIX}/api/v1/query_range", "gsk_plain", query=TOKENS_IN).status_code == 404
    assert ask(client, "/openai/v1/models", "gsk_plain").status_code == 200


def names(client: httpx.Client, start: int, end: int, key: str = "gsk_opens") -> list[str]:
    answer: Json = ask(client, f"{PREFIX}/api/v1/label/__name__/values", key, start=start, end=end).json()
    return list(answer["data"])


def test_names_are_those_of_the_day(client: httpx.Client) -> None:
    assert names(client, START, END - 1) == sorted(METRICS)
    assert names(client, START, END - 1, "gsk_older") == sorted(PERCENTILES)
    assert names(client, START - 40 * 86_400, END - 40 * 86_400 - 1) == []
    assert names(client, START + 10 * 86_400, END + 10 * 86_400 - 1) == []


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"query": "sum by (", "start": START, "end": END}, "cannot parse query"),
        ({"query": TOKENS_IN, "start": START, "end": END, "step": "x"}, "cannot parse step"),
        ({"query": TOKENS_IN, "start": "yesterday", "end": END}, "cannot parse start"),
        ({"query": TOKENS_IN, "start": START, "end": END, "step": 1}, "too many points"),
    ],
)
def test_a_bad_query_is_refused_as_the_metrics_server_does(client: httpx.Client, params: Json, error: str) -> None:
    response = ask(client, f"{PREFIX}/api/v1/query_range", **params)
    answer = response.json()
    assert (response.status_code, answer["status"], answer["errorType"]) == (422, "error", "422")
    assert error in answer["error"]


def test_an_unknown_key_is_refused_as_the_api_does(client: httpx.Client) -> None:
    response = ask(client, "/openai/v1/models", "gsk_unknown")
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"


def test_one_time_has_one_value_a_series(client: httpx.Client) -> None:
    answer = ask(client, f"{PREFIX}/api/v1/query", query=TOKENS_OUT, time=START + 600).json()
    assert answer["data"]["resultType"] == "vector"
    assert {series["value"][0] for series in answer["data"]["result"]} == {START + 600}
    assert all(series["metric"]["__name__"] == TOKENS_OUT for series in answer["data"]["result"])
