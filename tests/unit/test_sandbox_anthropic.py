"""The stand-in for Anthropic tells one truth: in its rows, page by page, and in its expectations."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from usage_ledger.sandbox.anthropic.account import ARCHIVED_AT
from usage_ledger.sandbox.anthropic.api import anthropic_router
from usage_ledger.sandbox.anthropic.truth import AnthropicTruth
from usage_ledger.sandbox.kit.account import LATE_KEY_CREATED_AT, RENAMED_AT

TRUTH = AnthropicTruth(since=date(2026, 10, 3))
KEY = "sk-ant-admin01-the-one-that-opens"
NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
# From before anything was used, over the end of a page, to the day that is running.
FIRST, END = date(2026, 10, 1), date(2026, 11, 21)
WINDOW = {"starting_at": "2026-10-01T00:00:00Z", "ending_at": "2026-11-21T00:00:00Z", "limit": "31"}
MESSAGES, COST, CODE = "usage_report/messages", "cost_report", "usage_report/claude_code"
BY_KEY = ["model", "api_key_id", "workspace_id", "service_tier", "context_window"]
BY_USER = ["account_id", "service_account_id", "inference_geo", "model", "workspace_id"]

Json = dict[str, Any]
Totals = dict[tuple[date, str, str], dict[str, int | Decimal]]


class Service:
    """The service with a clock that can be turned, asked without a socket."""

    def __init__(self) -> None:
        self.now = NOW
        self.app = FastAPI()
        self.app.include_router(anthropic_router({KEY: TRUTH}, lambda: self.now))

    def get(self, path: str, params: Json, headers: Json | None = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
                sent = {"x-api-key": KEY, "anthropic-version": "2023-06-01"} if headers is None else headers
                return await client.get(f"/v1/organizations/{path}", params=params, headers=sent)

        return asyncio.run(ask())

    def ok(self, path: str, params: Json | None = None) -> Json:
        response = self.get(path, params or {})
        assert response.status_code == 200, response.text
        answer: Json = json.loads(response.content, parse_float=Decimal)
        return answer

    def pages(self, path: str, params: Json) -> list[Json]:
        """The data of all pages, one after the other."""
        found, cursor = [], {}
        while True:
            answer = self.ok(path, {**params, **cursor})
            found += answer["data"]
            assert answer["has_more"] == (answer["next_page"] is not None)
            if not answer["has_more"]:
                return found
            cursor = {"page": answer["next_page"]}


@pytest.fixture
def service() -> Service:
    return Service()


def grouped(names: list[str], **more: Any) -> Json:
    return {**WINDOW, "group_by[]": names, **more}


def rows(buckets: Iterable[Json]) -> list[tuple[date, Json]]:
    return [(date.fromisoformat(one["starting_at"][:10]), row) for one in buckets for row in one["results"]]


def usage(row: Json) -> Json:
    """Ledger columns, as a reader of the documentation would fill them."""
    written = row["cache_creation"]
    writes = written["ephemeral_5m_input_tokens"] + written["ephemeral_1h_input_tokens"]
    read = row["cache_read_input_tokens"]
    return {
        "input_tokens": row["uncached_input_tokens"] + read + writes,
        "cached_input_tokens": read,
        "cache_write_tokens": writes,
        "cache_write_1h_tokens": written["ephemeral_1h_input_tokens"],
        "output_tokens": row["output_tokens"],
        "web_searches": row["server_tool_use"]["web_search_requests"],
    }


def code(row: Json) -> Json:
    tokens: Counter[str] = Counter()
    for share in row["model_breakdown"]:
        tokens.update(share["tokens"])
    core = row["core_metrics"]
    return {
        "sessions": core["num_sessions"],
        "lines_added": core["lines_of_code"]["added"],
        "lines_removed": core["lines_of_code"]["removed"],
        "commits": core["commits_by_claude_code"],
        "pull_requests": core["pull_requests_by_claude_code"],
        "tool_calls": sum(tool["accepted"] + tool["rejected"] for tool in row["tool_actions"].values()),
        "input_tokens": tokens["input"] + tokens["cache_read"] + tokens["cache_creation"],
        "cached_input_tokens": tokens["cache_read"],
        "cache_write_tokens": tokens["cache_creation"],
        "output_tokens": tokens["output"],
        "amount": sum(Decimal(share["estimated_cost"]["amount"]) for share in row["model_breakdown"]) / 100,
    }


def added(breakdown: str, found: Iterable[tuple[date, str, Json]]) -> Totals:
    totals: dict[tuple[date, str, str], dict[str, int | Decimal]] = defaultdict(lambda: defaultdict(int))
    for day, value, amounts in found:
        for name, amount in amounts.items():
            totals[day, breakdown, value][name] += amount
    return {place: dict(total) for place, total in totals.items()}


def actor(row: Json) -> str:
    return str(row["actor"].get("email_address") or row["actor"].get("api_key_name"))


@pytest.mark.parametrize(
    ("report", "names", "breakdown", "dimensions"),
    [
        ("messages", BY_KEY, "messages", {"": [], "project_id": ["workspace_id"], **{name: [name] for name in BY_KEY}}),
        ("messages_by_user", BY_USER, "user", {"": [], "user_id": BY_USER[:2], "inference_geo": ["inference_geo"]}),
    ],
)
def test_messages_add_up_to_the_expectation(
    service: Service, report: str, names: list[str], breakdown: str, dimensions: dict[str, list[str]]
) -> None:
    found = rows(service.pages(MESSAGES, grouped(names)))
    dimensions.pop("workspace_id", None)
    for by, fields in dimensions.items():
        values = [(day, next((row[name] for name in fields if row[name]), ""), usage(row)) for day, row in found]
        expected = TRUTH.expected(report, FIRST, END, by=by, now=NOW)
        assert added(breakdown, values) == expected
    identities = {(day, *(row[name] for name in names)) for day, row in found}
    assert len(identities) == len(found)
    ungrouped = {name for name in (*BY_KEY, *BY_USER) if name not in names}
    assert all(row[name] is None for _, row in found for name in ungrouped)


def test_no_grouping_has_the_same_totals_and_null_dimensions(service: Service) -> None:
    alone = rows(service.pages(MESSAGES, WINDOW))
    values = [(day, "", usage(row)) for day, row in alone]
    assert added("messages", values) == TRUTH.expected("messages", FIRST, END, now=NOW)
    assert all(row[name] is None for _, row in alone for name in (*BY_KEY, *BY_USER))


def test_costs_are_cents_and_add_up_to_dollars(service: Service) -> None:
    found = rows(service.pages(COST, grouped(["workspace_id", "description"])))
    for by, field in {"": "", "project_id": "workspace_id", "model": "model", "service_tier": "service_tier"}.items():
        values = [(day, row.get(field) or "", {"amount": Decimal(row["amount"]) / 100}) for day, row in found]
        assert added("cost", values) == TRUTH.expected("cost", FIRST, END, by=by, now=NOW)
    assert {(type(row["amount"]), row["currency"]) for _, row in found} == {(str, "USD")}
    assert {len(row["amount"].partition(".")[2]) for _, row in found} > {6}
    assert {row["cost_type"] for _, row in found} == {"tokens", "web_search", "code_execution", "session_usage"}
    assert {row["service_tier"] for _, row in found} == {"standard", "batch", None}
    assert len({(day, row["workspace_id"], row["description"]) for day, row in found}) == len(found)
    whole = rows(service.pages(COST, WINDOW))
    assert all(row["description"] is row["workspace_id"] is row["model"] is None for _, row in whole)
    values = [(day, "", {"amount": Decimal(row["amount"]) / 100}) for day, row in whole]
    assert added("cost", values) == TRUTH.expected("cost", FIRST, END, now=NOW)


def test_claude_code_adds_up_and_rests_on_weekends(service: Service) -> None:
    found, sizes = [], {}
    for number in range((END - FIRST).days):
        day = FIRST + timedelta(days=number)
        records = service.pages(CODE, {"starting_at": str(day), "limit": 1000})
        sizes[day] = len(records)
        found += [(day, record) for record in records]
        assert {record["date"] for record in records} <= {f"{day}T00:00:00Z"}
    totals = added("actor", [(day, "", code(record)) for day, record in found])
    assert totals == TRUTH.expected("claude_code", FIRST, END, now=NOW)
    totals = added("actor", [(day, actor(record), code(record)) for day, record in found])
    assert totals == TRUTH.expected("claude_code", FIRST, END, by="user_id", now=NOW)
    assert {day for day, size in sizes.items() if not size} == {
        day for day in sizes if day.weekday() >= 5 or day < TRUTH.since
    }
    assert max(sizes.values()) >= 10
    records = [record for _, record in found]
    kinds = {(record["customer_type"], record.get("subscription_type", "absent")) for record in records}
    assert kinds == {("api", None), ("api", "absent"), ("subscription", "team")}
    amounts = [share["estimated_cost"]["amount"] for record in records for share in record["model_breakdown"]]
    assert {type(amount) for amount in amounts} == {int, Decimal}
    (dana, *_) = TRUTH.all_users
    assert [actor(record) for day, record in found if day == date(2026, 10, 5)].count(dana.email) == 3
    renamed = {actor(record) for day, record in found if day == RENAMED_AT.date() and "api_key_name" in record["actor"]}
    assert {"support-bot", "support-bot-v2"} < renamed


def test_pages_hold_each_row_once_and_keep_their_boundary(service: Service) -> None:
    whole = service.pages(MESSAGES, grouped(BY_KEY))
    assert service.pages(MESSAGES, grouped(BY_KEY, limit=4)) == whole
    assert [one["starting_at"] for one in whole] == sorted({one["starting_at"] for one in whole})
    assert len(whole) == 51
    assert [one["results"] for one in whole[:2]] == [[], []]
    assert len(service.ok(MESSAGES, {"starting_at": WINDOW["starting_at"]})["data"]) == 7
    today = {"starting_at": str(NOW.date()), "limit": 4}
    expected = service.ok(CODE, {**today, "limit": 1000})["data"]
    first = service.ok(CODE, today)
    service.now = NOW + timedelta(hours=3)
    rest = service.pages(CODE, {**today, "page": first["next_page"]})
    assert first["data"] + rest == expected != service.ok(CODE, {**today, "limit": 1000})["data"]


def test_the_running_day_is_a_whole_bucket_with_what_is_over(service: Service) -> None:
    params = {"starting_at": "2026-11-19T00:00:00Z", "ending_at": "2026-11-25T00:00:00Z"}
    yesterday, today = service.ok(MESSAGES, params)["data"]
    assert (today["starting_at"], today["ending_at"]) == ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
    assert service.ok(MESSAGES, {"starting_at": params["starting_at"]})["data"] == [yesterday, today]
    early = service.ok(MESSAGES, {**params, "ending_at": "2026-11-20T13:00:00Z"})
    assert early == {"data": [yesterday], "has_more": False, "next_page": None}
    whole = TRUTH.expected("messages", NOW.date(), END)[NOW.date(), "messages", ""]
    assert 0 < usage(today["results"][0])["output_tokens"] < whole["output_tokens"]
    assert service.ok(CODE, {"starting_at": "2026-11-21"})["data"] == []
    service.now = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    records = service.ok(CODE, {"starting_at": "2026-11-20"})["data"]
    totals = added("actor", [(service.now.date(), "", code(record)) for record in records])
    assert totals == TRUTH.expected("claude_code", service.now.date(), END, now=service.now)
    assert totals == TRUTH.expected("claude_code", service.now.date(), END, now=service.now + timedelta(minutes=14))


@pytest.mark.parametrize(("width", "limit", "count"), [("1h", 168, 24), ("1m", 1440, 1440)])
def test_narrow_buckets_add_up_to_the_day(service: Service, width: str, limit: int, count: int) -> None:
    day = date(2026, 11, 11)
    params = {"starting_at": f"{day}T00:00:30Z", "ending_at": "2026-11-12T00:00:00Z", "bucket_width": width}
    buckets = service.pages(MESSAGES, {**params, "limit": limit})
    assert len(buckets) == count
    totals = added(
        "messages", [(date.fromisoformat(b["starting_at"][:10]), "", usage(r)) for b in buckets for r in b["results"]]
    )
    assert totals == TRUTH.expected("messages", day, day + timedelta(days=1))


def test_filters_pass_what_they_name_and_know_the_default_workspace(service: Service) -> None:
    default, _, code_place, _ = TRUTH.all_workspaces
    found = rows(service.pages(MESSAGES, grouped(BY_KEY, **{"workspace_ids[]": [default.workspace_id]})))
    assert found
    assert {row["workspace_id"] for _, row in found} == {None}
    asked = {"account_ids[]": [user.user_id for user in TRUTH.all_users[:2]], "models[]": ["claude-sonnet-5"]}
    found = rows(service.pages(MESSAGES, grouped(BY_USER, **asked)))
    told = {(row["account_id"], row["model"], row["workspace_id"]) for _, row in found}
    assert told == {(TRUTH.all_users[0].user_id, "claude-sonnet-5", code_place.workspace_id)}
    found = rows(service.pages(MESSAGES, grouped(BY_KEY, **{"service_tiers[]": "batch", "context_window[]": "0-200k"})))
    assert {row["service_tier"] for _, row in found} == {"batch"}


def test_lives_of_keys_show_in_usage_and_in_lists(service: Service) -> None:
    days: dict[str, list[date]] = defaultdict(list)
    for day, key in ((day, value) for day, _, value in TRUTH.expected("messages", FIRST, END, by="api_key_id")):
        days[key].append(day)
    _, renamed, archived, late, organization = TRUTH.all_keys
    assert days[late.key_id][0] == LATE_KEY_CREATED_AT.date()
    assert days[archived.key_id][-1] == ARCHIVED_AT.date()
    keys = {key["id"]: key for key in service.ok("api_keys")["data"]}
    assert set(days) - {""} == set(keys)
    assert keys[archived.key_id]["status"] == "archived"
    assert keys[organization.key_id]["scope"] == {"type": "organization"}
    assert keys[renamed.key_id]["name"] == "support-bot-v2"
    assert [key["id"] for key in service.ok("api_keys", {"status": "archived"})["data"]] == [archived.key_id]
    everyone = {user.user_id for user in TRUTH.all_users}
    assert everyone - {user["id"] for user in service.ok("users")["data"]} == {TRUTH.all_users[-1].user_id}
    service.now = datetime(2026, 11, 1, tzinfo=UTC)
    names = {key["id"]: key["name"] for key in service.ok("api_keys")["data"]}
    assert late.key_id not in names
    assert names[renamed.key_id] == "support-bot"
    assert {user["id"] for user in service.ok("users")["data"]} == everyone


def test_lists_page_by_id_and_hide_what_is_not_asked_for(service: Service) -> None:
    everything = {"include_archived": "true", "include_default": "true"}
    places = service.ok("workspaces", everything)["data"]
    assert [place["id"] for place in places] == [place.workspace_id for place in TRUTH.all_workspaces]
    assert [place["name"] for place in service.ok("workspaces")["data"]] == ["Support", "Claude Code"]
    first = service.ok("workspaces", {**everything, "limit": 3})
    assert (first["last_id"], first["has_more"]) == (places[2]["id"], True)
    rest = service.ok("workspaces", {**everything, "limit": 3, "after_id": first["last_id"]})
    assert (first["data"] + rest["data"], rest["has_more"]) == (places, False)
    before = service.ok("workspaces", {**everything, "limit": 1, "before_id": places[2]["id"]})
    assert (before["data"], before["has_more"]) == (places[1:2], True)
    assert service.ok("me") == {"id": "sandbox", "type": "organization", "name": "Sandbox"}


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (MESSAGES, {"starting_at": None}),
        (MESSAGES, {"starting_at": "2026-10-01"}),
        (MESSAGES, {"ending_at": WINDOW["starting_at"]}),
        (MESSAGES, {"limit": 32}),
        (MESSAGES, {"limit": 169, "bucket_width": "1h"}),
        (MESSAGES, {"bucket_width": "1w"}),
        (MESSAGES, {"group_by[]": [*BY_KEY, "account_id"]}),
        (MESSAGES, {"group_by[]": ["speed"]}),
        (MESSAGES, {"speeds[]": ["fast"]}),
        (MESSAGES, {"service_tiers[]": ["slow"]}),
        (MESSAGES, {"page": "page_x"}),
        (COST, {"bucket_width": "1h"}),
        (COST, {"group_by[]": ["model"]}),
        (CODE, {"starting_at": "2026-10-01", "limit": 1001}),
        ("users", {"after_id": "user_nobody"}),
        ("api_keys", {"limit": 1001}),
        ("workspaces", {"include_archived": "yes"}),
    ],
)
def test_a_bad_argument_is_refused(service: Service, path: str, change: Json) -> None:
    params = {name: value for name, value in {**WINDOW, **change}.items() if value is not None}
    response = service.get(path, params)
    body = response.json()
    assert (response.status_code, body["type"], body["error"]["type"]) == (400, "error", "invalid_request_error")
    assert body["request_id"] == response.headers["request-id"]
    too_many = body["error"]["message"] == "Cannot specify more than 5 group_by[] dimensions"
    assert too_many == (len(change.get("group_by[]", [])) > 5)


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"x-api-key": "sk-ant-admin01-wrong", "anthropic-version": "2023-06-01"}, 401, "authentication_error"),
        ({"x-api-key": "sk-ant-api03-workspace", "anthropic-version": "2023-06-01"}, 403, "permission_error"),
        ({"authorization": f"Bearer {KEY}", "anthropic-version": "2023-06-01"}, 401, "authentication_error"),
        ({"x-api-key": KEY}, 400, "invalid_request_error"),
    ],
)
def test_a_bad_credential_is_refused_and_never_repeated(
    service: Service, headers: Json, status: int, kind: str
) -> None:
    response = service.get("me", {}, headers)
    assert (response.status_code, response.json()["error"]["type"]) == (status, kind)
    assert headers.get("x-api-key", KEY) not in response.text


def test_the_truth_depends_on_its_values_alone() -> None:
    day = date(2026, 10, 5)
    one = TRUTH.expected("messages", day, day + timedelta(days=1))
    # Written down, so that another process, machine or Python cannot disagree unseen.
    assert one[day, "messages", ""]["input_tokens"] == 18_523_609
    assert one != AnthropicTruth(seed=2, since=TRUTH.since).expected("messages", day, day + timedelta(days=1))
    with pytest.raises(ValueError, match="UTC"):
        TRUTH.expected("messages", day, END, "Europe/Berlin")
    # Priority Tier is never billed, and so has no entry.
    assert {tier for _, _, tier in TRUTH.expected("cost", FIRST, END, by="service_tier")} == {"standard", "batch", ""}
    assert "priority" in {tier for _, _, tier in TRUTH.expected("messages", FIRST, END, by="service_tier")}
