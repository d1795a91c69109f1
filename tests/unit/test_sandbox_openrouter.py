"""The stand-in for OpenRouter tells one truth, and refuses what the API refuses."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from usage_ledger.sandbox.kit.account import LATE_KEY_CREATED_AT, RENAMED_AT
from usage_ledger.sandbox.openrouter.account import DISABLED_AT
from usage_ledger.sandbox.openrouter.api import openrouter_router
from usage_ledger.sandbox.openrouter.truth import OpenRouterTruth

TRUTH = OpenRouterTruth(since=date(2026, 6, 1))
MANY = OpenRouterTruth(account="many", keys=180, models=2, workspaces=64, since=date(2026, 11, 1))
KEY, MANY_KEY = "sk-or-v1-the-one-that-opens", "sk-or-v1-the-other"
NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
TODAY = NOW.date()
WINDOW = (TODAY - timedelta(days=30), TODAY)
DAY = date(2026, 11, 11)
OUT_OF_REACH = {"error": {"code": 400, "message": "Date must be within the last 30 (completed) UTC days"}}

Json = dict[str, Any]
Totals = dict[tuple[date, str, str], dict[str, int | Decimal]]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    app = FastAPI()
    app.include_router(openrouter_router({KEY: TRUTH, MANY_KEY: MANY}, lambda: NOW))
    with TestClient(app, headers={"Authorization": f"Bearer {KEY}"}) as opened:
        yield opened


def decoded(response: httpx.Response) -> Json:
    assert response.status_code == 200, response.text
    answer: Json = json.loads(response.content, parse_float=Decimal)
    return answer


def get(client: httpx.Client, path: str, api_key: str = KEY, **params: Any) -> Json:
    return decoded(client.get(f"/api/v1/{path}", params=params, headers={"Authorization": f"Bearer {api_key}"}))


def activity(client: httpx.Client, **params: Any) -> list[Json]:
    rows: list[Json] = get(client, "activity", **params)["data"]
    return rows


def all_keys(client: httpx.Client, api_key: str = KEY) -> list[Json]:
    """Every key as a reader of the documentation finds it: workspace by workspace, page by page."""
    found: list[Json] = []
    spaces: list[Json] = []
    total = 1
    while len(spaces) < total:
        page = get(client, "workspaces", api_key, offset=len(spaces), limit=50)
        total, spaces = page["total_count"], spaces + page["data"]
    for space in spaces:
        pages, params = [100], {"workspace_id": space["id"], "include_disabled": "true"}
        while pages[-1] == 100:
            rows = get(client, "keys", api_key, offset=100 * (len(pages) - 1), **params)["data"]
            pages.append(len(rows))
            found.extend(rows)
    return found


def summed(rows: Iterable[Json], field: str = "", breakdown: str = "", value: str = "") -> Totals:
    """The rows of an answer, added up per ledger column."""
    columns = {
        "requests": "requests",
        "byok_requests": "byok_requests",
        "input_tokens": "prompt_tokens",
        "output_tokens": "completion_tokens",
        "reasoning_tokens": "reasoning_tokens",
        "amount": "usage",
    }
    totals: Totals = {}
    for row in rows:
        place = date.fromisoformat(row["date"][:10]), breakdown, row[field] if field else value
        total = totals.setdefault(place, dict.fromkeys(columns, 0))
        for column, name in columns.items():
            total[column] += row[name]
        if row["byok_usage_inference"] and not breakdown:
            paid = totals.setdefault((place[0], "byok", place[2]), {"amount": 0})
            paid["amount"] += row["byok_usage_inference"]
    return totals


@pytest.mark.parametrize(
    ("by", "field"), [("", ""), ("model", "model_permaslug"), ("host", "provider_name"), ("project_id", "workspace_id")]
)
def test_a_window_adds_up_to_the_expectation(client: httpx.Client, by: str, field: str) -> None:
    params = {"group_by": "workspace"} if by == "project_id" else {}
    rows = activity(client, **params)
    expected = TRUTH.expected("activity", *WINDOW, by=by)
    assert summed(rows, field) == expected
    assert {breakdown for _, breakdown, _ in expected} == {"", "byok"}
    assert {day for day, _, _ in expected} == {WINDOW[0] + timedelta(days=number) for number in range(30)}


def test_a_day_is_its_part_of_the_window_and_a_workspace_its_part_of_the_day(client: httpx.Client) -> None:
    whole = [row for row in activity(client) if row["date"][:10] == str(DAY)]
    assert activity(client, date=str(DAY)) == whole
    split = activity(client, date=str(DAY), group_by="workspace")
    assert 10 <= len(whole) <= len(split) <= 30
    assert len({(row["model_permaslug"], row["endpoint_id"]) for row in whole}) == len(whole)
    for space in {row["workspace_id"] for row in split}:
        part = activity(client, date=str(DAY), group_by="workspace", workspace_id=space)
        assert part == [row for row in split if row["workspace_id"] == space]
        assert "workspace_id" not in activity(client, date=str(DAY), workspace_id=space)[0]
    users = {key.creator for key in TRUTH.all_keys}
    by_user = [row for user in users for row in activity(client, date=str(DAY), user_id=user)]
    assert summed(by_user) == summed(whole)


def test_the_keys_add_up_to_the_record_but_for_the_deleted_one(client: httpx.Client) -> None:
    totals: Totals = {}
    every = [key["hash"] for key in all_keys(client)]
    for key_hash in every:
        for day in (DAY, DAY + timedelta(days=1), RENAMED_AT.date()):
            rows = activity(client, date=str(day), api_key_hash=key_hash)
            totals |= summed(rows, breakdown="api_key", value=key_hash)
    expected = TRUTH.expected("activity_by_key", *WINDOW, by="api_key_id")
    days = {day for day, _, _ in totals}
    assert totals == {place: total for place, total in expected.items() if place[0] in days}
    (gone,) = (key.key_hash for key in TRUTH.all_keys if key.deleted)
    assert gone not in every
    lost = summed(activity(client, date=str(DAY), api_key_hash=gone))[DAY, "", ""]
    record = TRUTH.expected("activity", DAY, DAY + timedelta(days=1))[DAY, "", ""]
    kept = TRUTH.expected("activity_by_key", DAY, DAY + timedelta(days=1))[DAY, "api_key", ""]
    assert record == {column: kept[column] + lost[column] for column in record}
    assert lost["requests"]


@pytest.mark.parametrize("day", [TODAY, TODAY - timedelta(days=31), TODAY + timedelta(days=1)])
def test_a_day_that_runs_or_is_too_old_is_refused(client: httpx.Client, day: date) -> None:
    response = client.get("/api/v1/activity", params={"date": str(day)})
    assert (response.status_code, response.json()) == (400, OUT_OF_REACH)
    assert activity(client, date=str(WINDOW[0]))


def test_the_expectation_counts_only_what_is_over_by_now() -> None:
    tomorrow = TODAY + timedelta(days=1)
    now, whole = (TRUTH.expected("activity", TODAY, tomorrow, now=n)[TODAY, "", ""] for n in (NOW, None))
    assert 0 < now["requests"] < whole["requests"]
    quarter = datetime(2026, 11, 20, 13, 0, tzinfo=UTC)
    assert TRUTH.expected("activity", TODAY, tomorrow, now=quarter)[TODAY, "", ""] == now
    assert not TRUTH.expected("activity", TODAY, tomorrow, now=datetime(2026, 11, 20, tzinfo=UTC))
    # Written down, so that another process, machine or Python cannot disagree unseen.
    assert (whole["requests"], whole["amount"]) == (55_488, Decimal("49.473458960"))
    with pytest.raises(ValueError, match="Europe/Paris"):
        TRUTH.expected("activity", TODAY, tomorrow, "Europe/Paris")


def test_rows_show_the_oddities_seen_live(client: httpx.Client) -> None:
    rows = activity(client)
    spellings = defaultdict(set)
    for row in rows:
        spellings[row["model"]].add(row["date"][10:])
    assert all(len(found) == 1 for found in spellings.values())
    assert set.union(*spellings.values()) == {"", " 00:00:00"}
    free = [row for row in rows if row["model"].endswith(":free")]
    assert free
    assert {(row["usage"], row["byok_usage_inference"]) for row in free} == {(0, 0)}
    paid = {row["model_permaslug"] for row in rows if row["model"] == "deepseek/deepseek-v4"}
    assert paid == {row["model_permaslug"] for row in free}
    days = {row["date"][:10] for row in rows if row["provider_name"].startswith("Google")}
    assert 0 < len(days) < 10
    assert any(row["reasoning_tokens"] > row["completion_tokens"] for row in rows)
    # The third key pays a fee on what its own key bought; rows that it shares with the first hold both kinds.
    own = activity(client, api_key_hash=TRUTH.all_keys[2].key_hash)
    fees = [row for row in own if row["byok_usage_inference"]]
    assert fees
    assert all(row["usage"] * 20 == row["byok_usage_inference"] for row in fees)
    assert any(row["byok_usage_inference"] and row["usage"] * 20 != row["byok_usage_inference"] for row in rows)


def test_the_late_and_the_disabled_key_have_their_time(client: httpx.Client) -> None:
    def days(number: int) -> list[str]:
        return sorted({row["date"][:10] for row in activity(client, api_key_hash=TRUTH.all_keys[number].key_hash)})

    assert days(3)[0] == str(LATE_KEY_CREATED_AT.date())
    assert days(4)[-1] == str(DISABLED_AT.date())
    hashes = {key["hash"]: key for key in get(client, "keys", include_disabled="true")["data"]}
    assert hashes[TRUTH.all_keys[4].key_hash]["disabled"] is True
    assert TRUTH.all_keys[4].key_hash not in {key["hash"] for key in get(client, "keys")["data"]}
    renamed = hashes[TRUTH.all_keys[1].key_hash]
    assert (renamed["name"], renamed["updated_at"]) == ("search-v2", "2026-11-18T11:30:00.000000+00:00")


def test_without_a_workspace_the_default_ones_keys_alone_are_listed(client: httpx.Client) -> None:
    listed = get(client, "keys")["data"]
    every = all_keys(client)
    default = get(client, "workspaces")["data"][0]["id"]
    assert {key["workspace_id"] for key in listed} == {default} < {key["workspace_id"] for key in every}
    assert len({key["hash"] for key in every}) == len(every) == TRUTH.keys
    created = [key["created_at"] for key in listed]
    assert created == sorted(created, reverse=True)
    month = (date(2026, 11, 1), date(2026, 12, 1))
    expected = TRUTH.expected("activity_by_key", *month, by="api_key_id", now=NOW)
    for key in every:
        days = [total["amount"] for (_, _, key_hash), total in expected.items() if key_hash == key["hash"]]
        assert key["usage_monthly"] == sum(days)


def test_pages_hold_each_key_and_workspace_once(client: httpx.Client) -> None:
    found = all_keys(client, MANY_KEY)
    assert len(found) == len({key["hash"] for key in found}) == 180
    pages = [get(client, "keys", MANY_KEY, offset=offset, include_disabled="true")["data"] for offset in (0, 100, 200)]
    assert [len(page) for page in pages] == [100, 20, 0]
    assert len(get(client, "workspaces", MANY_KEY)["data"]) == 50
    rows = get(client, "activity", MANY_KEY, date="2026-11-19", group_by="workspace")["data"]
    assert len({row["workspace_id"] for row in rows}) == 61
    assert get(client, "activity", MANY_KEY, date="2026-10-30")["data"] == []


def test_the_catalogue_names_prices_and_pages(client: httpx.Client) -> None:
    assert {tuple(m["architecture"]["output_modalities"]) for m in get(client, "models")["data"]} == {
        ("text",),
        ("image", "text"),
    }
    whole = get(client, "models", output_modalities="all")
    assert whole["links"] == {"next": None}
    assert len(whole["data"]) == whole["total_count"] == TRUTH.models
    used = {(row["model"], row["model_permaslug"]) for row in activity(client)}
    listed = {(model["id"], model["canonical_slug"]) for model in whole["data"]}
    assert used - listed == {("mistralai/mistral-medium-3", "mistralai/mistral-medium-3-20250507")}
    assert whole["data"][0]["pricing"]["prompt"] == "0.000003"
    paged: list[Json] = []
    link = "/api/v1/models?output_modalities=all&limit=2"
    while link:
        page = decoded(client.get(link))
        paged, link = paged + page["data"], page["links"]["next"]
    assert paged == whole["data"]


def test_credits_are_the_sum_of_all_time(client: httpx.Client) -> None:
    totals = TRUTH.expected("activity", TRUTH.since, TODAY + timedelta(days=1), now=NOW)
    credit = get(client, "credits")["data"]
    assert credit["total_usage"] == sum(total["amount"] for (_, kind, _), total in totals.items() if not kind)
    assert credit["total_credits"] > credit["total_usage"]


@pytest.mark.parametrize("sent", ["Bearer sk-or-v1-wrong", "Basic " + KEY, KEY, "Bearer", ""])
def test_an_unknown_key_is_refused_and_never_repeated(client: httpx.Client, sent: str) -> None:
    for path in ("activity", "key", "keys", "workspaces", "credits", "models"):
        response = client.get(f"/api/v1/{path}", headers={"Authorization": sent})
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (401, 401)
        assert KEY not in response.text


def test_an_ordinary_key_sees_itself_alone(client: httpx.Client) -> None:
    plain = "sk-or-v1-plain-0123"
    for path in ("activity", "keys", "workspaces", "credits", "models"):
        response = client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {plain}"})
        message = "Only management keys can perform this operation"
        assert (response.status_code, response.json()) == (403, {"error": {"code": 403, "message": message}})
    for api_key, manages in ((plain, False), (KEY, True)):
        data = get(client, "key", api_key)["data"]
        assert data["is_management_key"] is data["is_provisioning_key"] is manages
        assert api_key not in str(data)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("activity", {"date": "2026-11-31"}),
        ("activity", {"date": "20261111"}),
        ("activity", {"date": ""}),
        ("activity", {"group_by": "model"}),
        ("activity", {"api_key_hash": "search"}),
        ("activity", {"workspace_id": "default"}),
        ("keys", {"offset": "-1"}),
        ("keys", {"include_disabled": "yes"}),
        ("workspaces", {"limit": "101"}),
        ("workspaces", {"limit": "0"}),
        ("models", {"limit": "1001"}),
        ("models", {"output_modalities": "smell"}),
    ],
)
def test_a_bad_parameter_is_refused(client: httpx.Client, path: str, params: Json) -> None:
    response = client.get(f"/api/v1/{path}", params=params)
    assert (response.status_code, response.json()["error"]["code"]) == (400, 400)
