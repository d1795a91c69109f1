"""What stand-ins share: requests by GET and POST, page tokens and pages by id, the dates' slots."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from usage_ledger.sandbox.kit.paging import page_by_id, page_token, parts_of_token
from usage_ledger.sandbox.kit.serving import Api, Call, Endpoint, Json, Refusal, account_of, bearer_key
from usage_ledger.sandbox.kit.totals import slots_of_dates

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
ITEMS: list[Json] = [{"id": name} for name in "abcde"]


def authorize(accounts: Mapping[str, str], request: Request) -> str:
    account = account_of(accounts, bearer_key(request))
    if account is None:
        raise Refusal(401, {"error": "no such key"})
    return account


def answer(call: Call[str]) -> Json:
    return {"account": call.truth, "params": dict(call.params), "body": call.document, "now": call.now}


@pytest.fixture
def client() -> TestClient:
    """One path that is read by POST, and one by GET."""
    app = FastAPI()
    api = Api("/v1", {"/query": Endpoint(answer, "POST"), "/rows": Endpoint(answer)}, authorize)
    app.include_router(api.router({"one": "acme", "two": "other"}, lambda: NOW))
    return TestClient(app, headers={"authorization": "Bearer two"})


def test_a_post_is_answered_from_its_json_body(client: TestClient) -> None:
    response = client.post("/v1/query", json={"from": "2026-11-01"}, params={"page": "2"})
    assert (response.status_code, response.json()["account"]) == (200, "other")
    assert (response.json()["body"], response.json()["params"]) == ({"from": "2026-11-01"}, {"page": "2"})
    assert client.post("/v1/query", content=b"{").status_code == 400
    assert client.get("/v1/query").status_code == 405


def test_a_get_has_no_body_and_a_wrong_key_is_refused(client: TestClient) -> None:
    assert client.get("/v1/rows").json()["body"] is None
    for sent in ("Bearer three", "Basic two", ""):
        response = client.get("/v1/rows", headers={"authorization": sent})
        assert (response.status_code, response.json()) == (401, {"error": "no such key"})


def test_a_page_token_gives_back_its_parts() -> None:
    assert parts_of_token(page_token(7, "x")) == ["7", "x"]
    assert parts_of_token("page_%%%") in ([], [""])


@pytest.mark.parametrize(
    ("after", "before", "shown", "more"),
    [(None, None, "ab", True), ("c", None, "de", False), (None, "d", "bc", True), (None, "b", "a", False)],
)
def test_a_page_by_id(after: str | None, before: str | None, shown: str, more: bool) -> None:
    page = page_by_id(ITEMS, 2, after, before)
    assert ("".join(str(item["id"]) for item in page.items), page.has_more) == (shown, more)
    assert (page.first_id, page.last_id) == (shown[0], shown[-1])
    with pytest.raises(ValueError, match="zz"):
        page_by_id(ITEMS, 2, "zz")


def test_the_slots_of_dates_follow_the_zone_and_end_with_the_clock() -> None:
    first, end, zone = date(2026, 10, 31), date(2026, 11, 3), ZoneInfo("America/New_York")
    days = slots_of_dates(first, end, zone=zone)
    assert [high - low for low, high in days.values()] == [96, 100, 96]
    limit = days[date(2026, 11, 1)][0] + 3
    over = slots_of_dates(first, end, limit, zone)
    assert [high - low for low, high in over.values()] == [96, 3, 0]
