"""The stand-in for OpenAI: its answers, added up as its documentation says, are the truth."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from usage_ledger.sandbox.kit.account import LATE_KEY_CREATED_AT
from usage_ledger.sandbox.kit.slots import instant_of
from usage_ledger.sandbox.openai.account import ARCHIVED_AT, DELETED_AT
from usage_ledger.sandbox.openai.api import openai_router
from usage_ledger.sandbox.openai.catalogue import OLDER_MODEL
from usage_ledger.sandbox.openai.truth import COLUMNS, OpenAITruth

Json = dict[str, Any]
Totals = dict[tuple[date, str, str], dict[str, int | Decimal]]

TRUTH = OpenAITruth(since=date(2026, 1, 1))
OTHER = OpenAITruth(seed=2, account="other", keys=1, projects=1)
KEY, OTHER_KEY = "sk-admin-the-one-that-opens", "sk-admin-another"
NOW = datetime(2026, 11, 20, 13, 7, 42, tzinfo=UTC)
START, END = date(2026, 11, 6), date(2026, 11, 21)
DAY = timedelta(days=1)
WHO = ["project_id", "user_id", "api_key_id", "model"]
# By report: everything it can be grouped by, and the ledger's columns as sums of fields.
REPORTS: dict[str, tuple[list[str], dict[str, tuple[str, ...]]]] = {
    "completions": (
        [*WHO, "batch", "service_tier"],
        {
            "requests": ("num_model_requests",),
            "input_tokens": ("input_tokens",),
            "cached_input_tokens": ("input_cached_tokens",),
            "cache_write_tokens": ("input_cache_write_tokens",),
            "audio_input_tokens": ("input_audio_tokens", "input_cached_audio_tokens"),
            "image_input_tokens": ("input_image_tokens", "input_cached_image_tokens"),
            "cached_audio_input_tokens": ("input_cached_audio_tokens",),
            "cached_image_input_tokens": ("input_cached_image_tokens",),
            "output_tokens": ("output_tokens",),
            "audio_output_tokens": ("output_audio_tokens",),
            "image_output_tokens": ("output_image_tokens",),
        },
    ),
    "embeddings": (WHO, {"requests": ("num_model_requests",), "input_tokens": ("input_tokens",)}),
    "moderations": (WHO, {"requests": ("num_model_requests",), "input_tokens": ("input_tokens",)}),
    "images": ([*WHO, "size", "source"], {"requests": ("num_model_requests",), "images": ("images",)}),
    "audio_speeches": (WHO, {"requests": ("num_model_requests",), "characters": ("characters",)}),
    "audio_transcriptions": (WHO, {"requests": ("num_model_requests",), "audio_seconds": ("seconds",)}),
    "vector_stores": (["project_id"], {"storage_bytes": ("usage_bytes",)}),
    "code_interpreter_sessions": (["project_id"], {"sessions": ("num_sessions",)}),
    "file_search_calls": ([*WHO[:3], "vector_store_id"], {"tool_calls": ("num_requests",)}),
    "web_search_calls": ([*WHO, "context_level"], {"web_searches": ("num_requests",)}),
    "costs": (["project_id", "line_item", "api_key_id"], {"amount": ("amount",)}),
}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(openai_router({KEY: TRUTH, OTHER_KEY: OTHER}, lambda: NOW))
    with TestClient(app, headers={"Authorization": f"Bearer {KEY}"}) as opened:
        yield opened


def at(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def path(report: str) -> str:
    return "/v1/organization/costs" if report == "costs" else f"/v1/organization/usage/{report}"


def asked(client: TestClient, url: str, **params: Any) -> Json:
    response = client.get(url, params=params)
    assert response.status_code == 200, response.text
    answer: Json = json.loads(response.content, parse_float=Decimal)
    return answer


def buckets(client: TestClient, report: str, **params: Any) -> list[Json]:
    """Every bucket of a question, page after page."""
    params = {"start_time": at(START), "end_time": at(END), "group_by": REPORTS[report][0], **params}
    found: list[Json] = []
    while True:
        answer = asked(client, path(report), **params)
        assert answer["object"] == "page"
        assert answer["has_more"] is (answer["next_page"] is not None)
        found += answer["data"]
        if not answer["has_more"]:
            return found
        params["page"] = answer["next_page"]


def rows(found: list[Json]) -> list[Json]:
    return [row for bucket in found for row in bucket["results"]]


def amount(row: Json, field: str) -> int | Decimal:
    if field == "amount":
        assert row["amount"]["currency"] == "usd"
        return Decimal(row["amount"]["value"])
    count: int = row.get(field) or 0
    return count


def summed(found: list[Json], report: str, by: str = "") -> Totals:
    totals: Totals = {}
    for bucket in found:
        day = datetime.fromtimestamp(bucket["start_time"], UTC).date()
        for row in bucket["results"]:
            value = row.get(by)
            name = str(value).lower() if isinstance(value, bool) else value or ""
            total = totals.setdefault((day, "", name), defaultdict(int))
            for column, fields in REPORTS[report][1].items():
                total[column] += sum(amount(row, field) for field in fields)
    return totals


@pytest.mark.parametrize("report", REPORTS)
def test_answers_add_up_to_the_expectation_in_every_dimension(client: TestClient, report: str) -> None:
    found = buckets(client, report)
    assert [bucket["start_time"] for bucket in found] == [at(START) + 86400 * number for number in range(15)]
    for by in ("", "project_id", "api_key_id", "user_id", "model", "batch", "service_tier", "line_item"):
        expected = TRUTH.expected(report, START, END, by=by, now=NOW)
        assert summed(found, report, by) == expected
    assert set(COLUMNS) | {"costs"} == set(REPORTS)
    assert 0 < len(rows(found)) <= 15 * 100


@pytest.mark.parametrize("report", REPORTS)
def test_without_grouping_a_bucket_has_one_row_and_every_dimension_is_null(client: TestClient, report: str) -> None:
    found = buckets(client, report, group_by=[])
    assert summed(found, report) == TRUTH.expected(report, START, END, now=NOW)
    assert max(len(bucket["results"]) for bucket in found) == 1
    assert {row[name] for row in rows(found) for name in REPORTS[report][0]} == {None}
    # The bracket form is an unknown parameter.
    assert buckets(client, report, **{"group_by": [], "group_by[]": ["project_id"]}) == found
    by_project = rows(buckets(client, report, group_by=["project_id"]))
    assert {row["project_id"] for row in by_project} - {None} <= {project.ident for project in TRUTH.all_projects}
    assert len(by_project) > len(rows(found))


def test_pages_cover_each_bucket_once(client: TestClient) -> None:
    whole = buckets(client, "completions", limit=31)
    assert buckets(client, "completions", limit=4) == buckets(client, "completions") == whole
    first = asked(client, path("costs"), start_time=at(START), limit=2)
    for change in ({"start_time": at(END)}, {"group_by": "line_item"}, {"page": "page_x"}, {"page": "é"}):
        response = client.get(
            path("costs"), params={"start_time": at(START), "limit": 2, "page": first["next_page"], **change}
        )
        assert (response.status_code, response.json()["error"]["param"]) == (400, "page")


def test_a_day_in_hours_and_minutes_is_the_day(client: TestClient) -> None:
    window = {"start_time": at(START), "end_time": at(START + DAY)}
    (day,) = buckets(client, "completions", **window)
    for width, number in (("1h", 24), ("1m", 1440)):
        parts = buckets(client, "completions", bucket_width=width, **window)
        assert (len(parts), parts[-1]["end_time"]) == (number, at(START + DAY))
        assert summed(parts, "completions", "model") == summed([day], "completions", "model")
    start = at(START) + 6 * 3600 + 59
    late = buckets(client, "completions", start_time=start, end_time=at(START + DAY))
    assert late[0]["start_time"] == start // 60 * 60
    early = buckets(client, "completions", start_time=at(START), end_time=start // 60 * 60)
    assert sum(row["input_tokens"] for row in rows(early + late)) == sum(row["input_tokens"] for row in day["results"])


@pytest.mark.parametrize("end", [{}, {"end_time": at(NOW.date() + 2 * DAY)}])
def test_the_running_day_is_a_partial_bucket(client: TestClient, end: Json) -> None:
    today = NOW.date()
    answer = asked(client, path("completions"), start_time=at(today - DAY), **end)
    whole, partial = answer["data"]
    assert whole["end_time"] - whole["start_time"] == 86400
    assert partial["end_time"] == int(NOW.timestamp())
    expected = TRUTH.expected("completions", today, today + 2 * DAY, now=NOW)
    assert summed([partial], "completions") == expected
    later = TRUTH.expected("completions", today, today + DAY)
    assert 0 < expected[today, "", ""]["requests"] < later[today, "", ""]["requests"]
    assert asked(client, path("completions"), start_time=at(today + DAY), **end)["data"] == []


def test_filters_let_through_any_of_their_values(client: TestClient) -> None:
    first, second = (key.key_id for key in TRUTH.all_keys[:2])
    both = buckets(client, "completions", api_key_ids=[first, second])
    expected = TRUTH.expected("completions", START, END, by="api_key_id", now=NOW)
    assert summed(both, "completions", "api_key_id") == {k: v for k, v in expected.items() if k[2] in (first, second)}
    batch = buckets(client, "completions", batch="true", group_by=["batch"])
    expected = TRUTH.expected("completions", START, END, by="batch", now=NOW)
    assert summed(batch, "completions", "batch") == {k: v for k, v in expected.items() if k[2] == "true"}
    assert {row["size"] for row in rows(buckets(client, "images", sizes=["512x512"]))} == {"512x512"}
    assert rows(buckets(client, "costs", project_ids=[f"{TRUTH.all_projects[0].ident},x"])) == []


@pytest.mark.parametrize(
    ("report", "change", "param"),
    [
        ("completions", {"start_time": None}, "start_time"),
        ("completions", {"start_time": "2026-11-06"}, "start_time"),
        ("completions", {"end_time": at(START)}, "end_time"),
        ("completions", {"limit": 32}, "limit"),
        ("completions", {"limit": 0}, "limit"),
        ("completions", {"bucket_width": "1h", "limit": 169}, "limit"),
        ("completions", {"bucket_width": "1w"}, "bucket_width"),
        ("completions", {"group_by": "project_id,model"}, "group_by"),
        ("completions", {"group_by": "line_item"}, "group_by"),
        ("completions", {"batch": "maybe"}, "batch"),
        ("images", {"sizes": "9x9"}, "sizes"),
        ("costs", {"bucket_width": "1h"}, "bucket_width"),
        ("costs", {"limit": 181}, "limit"),
        ("costs", {"group_by": "model"}, "group_by"),
    ],
)
def test_a_bad_argument_is_refused(client: TestClient, report: str, change: Json, param: str) -> None:
    good: Json = {"start_time": at(START), "end_time": at(END)}
    params = {name: value for name, value in (good | change).items() if value is not None}
    response = client.get(path(report), params=params)
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert set(error) == {"message", "type", "param", "code"}
    most = {"costs": 180}.get(report, 31)
    assert asked(client, path(report), **good, limit=most)["data"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [("Bearer sk-admin-wrong", 401), ("Bearer", 401), ("", 401), (f"Basic {KEY}", 401), ("Bearer sk-proj-abc", 403)],
)
def test_a_key_that_does_not_open_is_refused(client: TestClient, sent: str, status: int) -> None:
    for url in (path("costs"), path("images"), "/v1/organization/projects"):
        response = client.get(url, params={"start_time": at(START)}, headers={"Authorization": sent})
        assert response.status_code == status
        assert ("Missing scopes: api.usage.read" in response.text) is (status == 403)
        assert "wrong" not in response.text


def test_each_key_opens_its_own_account(client: TestClient) -> None:
    headers = {"Authorization": f"Bearer {OTHER_KEY}"}
    listed = client.get("/v1/organization/projects", headers=headers).json()["data"]
    assert [project["id"] for project in listed] == [OTHER.all_projects[0].ident]
    assert client.get("/v1/organization/usage/telepathy", headers=headers).status_code == 404


def test_oddities_of_usage(client: TestClient) -> None:
    by_key = TRUTH.expected("completions", START, END, by="api_key_id", now=NOW)
    days = {key.key_id: {day for day, _, used in by_key if used == key.key_id} for key in TRUTH.all_keys}
    ids = [key.key_id for key in TRUTH.all_keys]
    assert max(days[ids[2]]) == ARCHIVED_AT.date()
    assert min(days[ids[3]]) == LATE_KEY_CREATED_AT.date()
    assert max(days[ids[4]]) == DELETED_AT.date()
    found = rows(buckets(client, "completions", end_time=at(START + DAY)))
    same = [row for row in found if (row["api_key_id"], row["model"]) == (ids[1], TRUTH.all_models[0].model_id)]
    assert len(same) == 2
    assert {name for name in same[0] if same[0][name] != same[1][name]} <= {
        n for n in same[0] if "num_" in n or "put_" in n
    }
    assert same[0]["input_tokens"] != same[1]["input_tokens"]
    older = [row for row in found if row["model"] == OLDER_MODEL]
    assert older
    assert all("input_text_tokens" not in row and row["service_tier"] is None for row in older)
    assert {row["user_id"] for row in found if row["api_key_id"] in ids[::2]} == {None}
    for row in found:
        if row not in older:
            kinds = ("uncached", "cached", "cache_write")
            assert row["input_tokens"] == sum(row[f"input_{kind}_tokens"] for kind in kinds)
    weekend = buckets(client, "audio_speeches", start_time=at(date(2026, 11, 7)), end_time=at(date(2026, 11, 10)))
    assert [bool(bucket["results"]) for bucket in weekend] == [False, False, True]
    assert TRUTH.expected("audio_speeches", date(2026, 11, 7), date(2026, 11, 9)) == {}


def test_stored_bytes_are_a_reading_and_not_a_sum(client: TestClient) -> None:
    found = summed(buckets(client, "vector_stores", end_time=at(END - DAY)), "vector_stores")
    readings = [total["storage_bytes"] for _, total in sorted(found.items())]
    assert readings == sorted(readings)
    assert readings[-1] < 2 * readings[0]


def test_oddities_of_the_bill(client: TestClient) -> None:
    window = {"start_time": at(START), "end_time": at(START + DAY)}
    answer = asked(client, path("costs"), group_by=REPORTS["costs"][0], **window)
    found = rows(answer["data"])
    values = [row["amount"]["value"] for row in found]
    assert {type(value) for value in values} >= {str, Decimal}
    assert all(len(value.partition(".")[2]) == 17 for value in values if isinstance(value, str))
    lines = {row["line_item"]: row for row in found}
    bundle, credit = lines["Scale Tier bundle"], lines["Promotional credit"]
    assert bundle["project_id"] is bundle["api_key_id"] is bundle["quantity"] is bundle["quantity_unit"] is None
    assert Decimal(credit["amount"]["value"]) < 0
    assert lines["file search storage"]["quantity_unit"] == "gibibyte_hours"
    units = {row["quantity_unit"] for row in found}
    assert {"tokens", "1000_tokens", "duration_seconds", "images", "characters", None} <= units
    tokens = sum(row["quantity"] for row in found if row["quantity_unit"] == "tokens")
    metered = TRUTH.expected("completions", START, START + DAY)[START, "", ""]
    assert tokens == metered["input_tokens"] + metered["output_tokens"]
    coarse = rows(asked(client, path("costs"), group_by=["project_id"], **window)["data"])
    assert {(row["quantity"], row["quantity_unit"], row["line_item"]) for row in coarse} == {(None, None, None)}


def listed(client: TestClient, url: str, **params: Any) -> list[Json]:
    found: list[Json] = []
    more: Json = {}
    while True:
        answer = asked(client, f"/v1/organization{url}", **params, **more)
        assert answer["object"] == "list"
        found += answer["data"]
        assert (answer["first_id"], answer["last_id"]) == (answer["data"][0]["id"], answer["data"][-1]["id"])
        if not answer["has_more"]:
            return found
        more = {"after": answer["last_id"]}


def test_lists_name_what_is_still_there(client: TestClient) -> None:
    every = listed(client, "/projects", include_archived="true", limit=1)
    assert [item["id"] for item in every] == [project.ident for project in TRUTH.all_projects]
    assert [item["status"] for item in every] == ["active", "active", "archived", "active"]
    assert (every[2]["archived_at"], every[3]["name"]) == (int(ARCHIVED_AT.timestamp()), None)
    assert listed(client, "/projects") == [item for item in every if item["status"] == "active"]
    projects = [f"/projects/{item['id']}/api_keys" for item in every]
    keys = {key["id"]: key for url in projects for key in listed(client, url, owner_project_access="any")}
    gone, orphan = TRUTH.all_keys[4].key_id, TRUTH.all_keys[5].key_id
    assert set(keys) == {key.key_id for key in TRUTH.all_keys} - {gone}
    assert keys[orphan]["owner_project_access"] == "inactive"
    assert orphan not in {key["id"] for key in listed(client, projects[1])}
    assert keys[TRUTH.all_keys[0].key_id]["owner"]["type"] == "service_account"
    people = listed(client, "/users", limit=1)
    assert [item["id"] for item in people] == [user.ident for user in TRUTH.all_users[:2]]
    assert people[1]["name"] is people[1]["email"] is None
    for url in ("/users?limit=101", "/users?after=nobody", "/projects?include_archived=1"):
        assert client.get(f"/v1/organization{url}").status_code == 400
    assert client.get("/v1/organization/projects/proj_none/api_keys").status_code == 404


def test_a_key_has_the_name_of_the_moment() -> None:
    key = TRUTH.all_keys[1]
    renamed = instant_of(key.names[1].first)
    for moment, name in ((renamed - DAY, "search"), (renamed, "search-v2")):
        app = FastAPI()
        app.include_router(openai_router({KEY: TRUTH}, lambda moment=moment: moment))  # type: ignore[misc]
        with TestClient(app, headers={"Authorization": f"Bearer {KEY}"}) as client:
            (found, *_) = listed(client, f"/projects/{key.project.ident}/api_keys")
        assert (found["id"], found["name"]) == (key.key_id, name)


def test_only_days_of_utc_by_known_dimensions_are_expected() -> None:
    for wrong in ({"zone": "Europe/Berlin"}, {"by": "colour"}):
        with pytest.raises(ValueError, match="UTC"):
            TRUTH.expected("costs", START, END, **wrong)
