"""Replicate's stand-in tells one truth: its records, added up, are what is expected of it."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from usage_ledger.sandbox.replicate.account import LATE_MODEL_AT, NEW_VERSION_AT
from usage_ledger.sandbox.replicate.api import replicate_router
from usage_ledger.sandbox.replicate.records import CANARY
from usage_ledger.sandbox.replicate.truth import DIMENSIONS, ReplicateTruth

TRUTH = ReplicateTruth(since=date(2026, 9, 1))
OTHER = ReplicateTruth(account="other", deployments=101, http_next=True, since=date(2026, 11, 1))
KEY, OTHER_KEY = "r8_the-one-that-opens", "r8_of-another-account"
NOW = datetime(2026, 11, 20, 13, 7, 12, 345678, tzinfo=UTC)
OCTOBER = (date(2026, 10, 1), date(2026, 11, 1))
# Longer than any window's edge lies from a midnight of UTC.
MARGIN = timedelta(days=1)

Json = dict[str, Any]
Totals = dict[tuple[date, str, str], dict[str, int | Decimal]]


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    app.include_router(replicate_router({KEY: TRUTH, OTHER_KEY: OTHER}, lambda: NOW))
    return TestClient(app, headers={"Authorization": f"Bearer {KEY}"})


def get(client: TestClient, path: str, key: str = KEY, **params: str) -> Any:
    response = client.get(path, params=params or None, headers={"Authorization": f"Bearer {key}"})
    assert response.status_code == 200, response.text
    return json.loads(response.text, parse_float=Decimal)


def pages(client: TestClient, path: str = "/v1/predictions", **params: str) -> list[Json]:
    found = [get(client, path, **params)]
    while following := found[-1]["next"]:
        found.append(get(client, following))
    return found


def records(client: TestClient, after: str, before: str, **params: str) -> list[Json]:
    found = pages(client, created_after=after, created_before=before, **params)
    return [record for page in found for record in page["results"]]


def around(client: TestClient, start: date, end: date) -> list[Json]:
    return records(client, f"{start - MARGIN}T00:00:00Z", f"{end + MARGIN}T00:00:00Z")


def seconds(record: Json) -> Decimal:
    told = (record.get("metrics") or {}).get("predict_time")
    if told is not None:
        return Decimal(told)
    if not record["started_at"] or not record["completed_at"]:
        return Decimal(0)
    length = datetime.fromisoformat(record["completed_at"]) - datetime.fromisoformat(record["started_at"])
    return Decimal(length // timedelta(microseconds=1)) / 10**6


def value(record: Json, by: str, hardware: dict[str, str]) -> str:
    if by == "accelerator":
        return hardware.get(record.get("deployment", ""), "")
    return str(record.get({"model_version": "version", "channel": "source"}.get(by, by) or "-", ""))


def summed(found: list[Json], start: date, end: date, zone: str, by: str, hardware: dict[str, str]) -> Totals:
    """The records added up per local date, as a reader of the documentation would."""
    totals: Totals = {}
    for record in found:
        day = datetime.fromisoformat(record["created_at"]).astimezone(ZoneInfo(zone)).date()
        if not start <= day < end:
            continue
        zero: dict[str, int | Decimal] = {
            "requests": 0,
            "compute_seconds": Decimal(0),
            "input_tokens": 0,
            "output_tokens": 0,
        }
        total = totals.setdefault((day, "", value(record, by, hardware)), zero)
        metrics = record.get("metrics") or {}
        total["requests"] += 1
        total["compute_seconds"] += seconds(record)
        total["input_tokens"] += metrics.get("input_token_count", 0)
        total["output_tokens"] += metrics.get("output_token_count", 0)
    return totals


def hardware_of(client: TestClient) -> dict[str, str]:
    listed = get(client, "/v1/deployments")["results"]
    return {f"{d['owner']}/{d['name']}": d["current_release"]["configuration"]["hardware"] for d in listed}


# The truth


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_records_add_up_to_the_expectation_in_every_zone(client: TestClient, zone: str) -> None:
    start, end = date(2026, 10, 1), date(2026, 10, 8)
    assert summed(around(client, start, end), start, end, zone, "", {}) == TRUTH.expected(
        "predictions", start, end, zone
    )


def test_records_add_up_by_every_dimension(client: TestClient) -> None:
    found, hardware = around(client, *OCTOBER), hardware_of(client)
    for by in DIMENSIONS:
        expected = TRUTH.expected("predictions", *OCTOBER, by=by)
        assert summed(found, *OCTOBER, "UTC", by, hardware) == expected, by
        assert by == "" or len({name for _, _, name in expected}) > 1, by


def test_the_truth_depends_on_its_arguments_alone() -> None:
    start, end = date(2026, 10, 1), date(2026, 10, 2)
    one = ReplicateTruth().expected("predictions", start, end)
    # Written down, so that another process, machine or Python cannot disagree unseen.
    totals = {"requests": 163, "compute_seconds": Decimal("2435.574398954")}
    assert one == {(start, "", ""): totals | {"input_tokens": 31802, "output_tokens": 6566}}
    assert one != ReplicateTruth(seed=2).expected("predictions", start, end)
    assert one == ReplicateTruth(since=start).expected("predictions", date(2026, 9, 1), end)
    with pytest.raises(ValueError, match="colour"):
        TRUTH.expected("predictions", start, end, by="colour")


def test_life_has_its_oddities(client: TestClient) -> None:
    found = around(client, *OCTOBER)
    ended = Counter(record["status"] for record in found)
    assert set(ended) == {"succeeded", "failed", "canceled", "aborted"}
    aborted = [record for record in found if record["status"] == "aborted"]
    assert all(record["started_at"] is None and record["metrics"] == {} for record in aborted)
    told = [(record.get("metrics", "absent"), record) for record in found if record["status"] == "succeeded"]
    assert {repr(metrics) for metrics, _ in told} >= {"None", "'absent'", "{}"}
    assert any(metrics and metrics != "absent" and metrics.get("predict_time") == 0 for metrics, _ in told)
    assert any(record["completed_at"] < record["created_at"] for record in found if record["completed_at"])
    assert {len(record["created_at"].partition(".")[2]) - 1 for record in found} == {3, 4, 5, 6, 7, 8}
    hidden = [record for record in found if record["version"] == "hidden" and record.get("metrics")]
    assert any("output_token_count" not in record["metrics"] for record in hidden)
    assert any("output_token_count" in record["metrics"] for record in hidden)
    unlisted = {record.get("deployment", "") for record in found} - set(hardware_of(client))
    assert unlisted == {"", "sandbox/retired"}
    # A day has no prediction, and a day's first microsecond does.
    assert len(TRUTH.expected("predictions", *OCTOBER)) < 31
    edges = [datetime.fromisoformat(record["created_at"]).time() for record in found]
    assert any((edge.minute, edge.second, edge.microsecond) == (0, 0, 0) for edge in edges)
    assert any((edge.minute, edge.second, edge.microsecond) == (59, 59, 999_999) for edge in edges)


def test_models_and_versions_come_when_they_come() -> None:
    start, end = date(2026, 11, 1), date(2026, 11, 20)
    models = TRUTH.expected("predictions", start, end, by="model")
    assert min(day for day, _, name in models if name.endswith("flux-schnell")) >= LATE_MODEL_AT.date()
    versions = TRUTH.expected("predictions", start, end, by="model_version")
    old, new = (version for version, _ in TRUTH.all_models[0].versions)
    days = {name: {day for day, _, version in versions if version == name} for name in (old, new)}
    assert max(days[old]) == min(days[new]) == NEW_VERSION_AT.date()


# The service


def test_pages_cover_each_record_once_newest_first(client: TestClient) -> None:
    window = {"created_after": "2026-10-05T00:00:00Z", "created_before": "2026-10-08T00:00:00Z"}
    found = pages(client, **window)
    assert len(found) > 2
    assert {len(page["results"]) for page in found[:-1]} == {100}
    for page in found[:-1]:
        address = urlsplit(page["next"])
        assert (address.scheme, address.netloc, address.path) == ("http", "testserver", "/v1/predictions")
        assert dict(parse_qsl(address.query)).items() > window.items()
    ids = [record["id"] for page in found for record in page["results"]]
    whole = TRUTH.expected("predictions", date(2026, 10, 5), date(2026, 10, 8))
    assert len(ids) == len(set(ids)) == sum(total["requests"] for total in whole.values())
    times = [datetime.fromisoformat(record["created_at"]) for page in found for record in page["results"]]
    assert times == sorted(times, reverse=True)
    assert found[0]["previous"] is None
    assert get(client, found[2]["previous"]) == found[1]
    assert get(client, found[1]["previous"])["results"] == found[0]["results"]


def test_a_full_last_page_has_no_next(client: TestClient) -> None:
    (first, *_) = pages(client, created_after="2026-10-05T00:00:00Z", created_before="2026-10-08T00:00:00Z")
    # Creations are cut to the microsecond, which keeps a bound at or below the record.
    oldest = datetime.fromisoformat(first["results"][-1]["created_at"]).isoformat().replace("+00:00", "Z")
    (only,) = pages(client, created_after=oldest, created_before="2026-10-08T00:00:00Z")
    assert only["results"] == first["results"]
    older = records(client, "2026-10-05T00:00:00Z", oldest)
    assert first["results"][-1]["id"] not in {record["id"] for record in older}


def test_the_next_address_begins_as_the_caller_wrote_it_or_as_documented(client: TestClient) -> None:
    secure = TestClient(client.app, base_url="https://replicate.test:8443")
    following = get(secure, "/v1/predictions")["next"]
    assert following.startswith("https://replicate.test:8443/v1/predictions?cursor=")
    assert get(client, "/v1/predictions", OTHER_KEY)["next"].startswith("http://api.replicate.com/v1/predictions?")


def test_the_running_day_holds_what_exists_and_what_has_not_ended(client: TestClient) -> None:
    start, end = date(2026, 11, 19), date(2026, 11, 22)
    found = around(client, start, end)
    for by in ("", "status", "model"):
        expected = TRUTH.expected("predictions", start, end, by=by, now=NOW)
        assert summed(found, start, end, "UTC", by, {}) == expected
    assert max(datetime.fromisoformat(record["created_at"]) for record in found) < NOW


def test_a_prediction_ends_ten_minutes_after_its_creation() -> None:
    busy = ReplicateTruth(rate=200, since=NOW.date())
    app = FastAPI()
    app.include_router(replicate_router({KEY: busy}, lambda: NOW))
    found = records(TestClient(app), "2026-11-20T12:30:00Z", "2026-11-21T00:00:00Z")
    for record in found:
        age = NOW - datetime.fromisoformat(record["created_at"])
        unended = record["status"] in ("starting", "processing")
        assert unended == (record["completed_at"] is None) == (age < timedelta(minutes=10))
        assert (record["started_at"] is None) == (record["status"] in ("starting", "aborted"))
        assert not unended or not record.get("metrics")
    expected = busy.expected("predictions", NOW.date(), NOW.date() + MARGIN, by="status", now=NOW)
    for status in ("starting", "processing"):
        total = expected[NOW.date(), "", status]
        assert total["requests"] == sum(record["status"] == status for record in found) > 0
        assert total["compute_seconds"] == 0


def test_private_texts_are_in_every_record_and_leave_the_metrics_alone(client: TestClient) -> None:
    found = records(client, "2026-11-18T00:00:00Z", "2026-11-21T00:00:00Z")
    assert all(CANARY in json.dumps(record["urls"]) for record in found)
    removed = [record for record in found if record["data_removed"]]
    assert removed
    assert all(record["input"] == {} and record["output"] is None for record in removed)
    kept = [record for record in found if not record["data_removed"]]
    assert {record["source"] for record in kept} == {"api", "web"}
    assert all(CANARY in json.dumps(record["input"]) for record in kept)


def test_only_the_source_filter_ends_after_fourteen_days(client: TestClient) -> None:
    bounds = ("2026-11-01T00:00:00Z", "2026-11-12T00:00:00Z")
    web = records(client, *bounds, source="web")
    both = records(client, *bounds)
    horizon = NOW - timedelta(days=14)
    recent = [r for r in both if r["source"] == "web" and datetime.fromisoformat(r["created_at"]) >= horizon]
    assert web == recent != []
    assert len(recent) < sum(record["source"] == "web" for record in both)


@pytest.mark.parametrize("sent", ["Bearer r8_wrong", f"Token {KEY}", KEY, "Bearer", ""])
@pytest.mark.parametrize("name", ["predictions", "account", "deployments", "hardware", "trainings"])
def test_a_wrong_key_is_refused(client: TestClient, name: str, sent: str) -> None:
    response = client.get(f"/v1/{name}", headers={"Authorization": sent})
    body = response.json()
    assert (response.status_code, body["title"], body["status"]) == (401, "Unauthenticated", 401)
    assert set(body) == {"title", "detail", "status"}


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"created_after": "yesterday"}, 422),
        ({"created_after": ""}, 422),
        ({"created_after": "2026-10-01"}, 422),
        ({"created_after": "2026-10-01T00:00:00"}, 422),
        # An offset whose plus sign was not encoded arrives so.
        ({"created_after": "2026-10-01T00:00:00 02:00"}, 422),
        ({"created_before": "2026-02-30T00:00:00Z"}, 422),
        ({"created_before": "0001-01-01T00:00:00+02:00"}, 422),
        ({"source": "api"}, 422),
        ({"cursor": "page-2"}, 404),
        ({"cursor": "cD15ZXN0ZXJkYXk="}, 404),
    ],
)
def test_a_bad_argument_is_refused(client: TestClient, params: dict[str, str], status: int) -> None:
    response = client.get("/v1/predictions", params=params)
    assert (response.status_code, response.json()["status"]) == (status, status)


def test_windows_outside_of_history_are_empty_pages(client: TestClient) -> None:
    empty: Json = {"next": None, "previous": None, "results": []}
    for after, before in (("2020-01-01", "2026-09-01"), ("2026-11-21", "2026-12-01"), ("2026-10-02", "2026-10-01")):
        window = {"created_after": f"{after}T00:00:00Z", "created_before": f"{before}T00:00:00Z"}
        assert get(client, "/v1/predictions", **window) == empty


def test_trainings_come_newest_first_and_only_those_that_were_begun(client: TestClient) -> None:
    results = get(client, "/v1/trainings")["results"]
    moments = [training["created_at"] for training in results]
    assert moments == sorted(moments, reverse=True)
    assert (moments[-1], moments[0]) == ("2026-10-25T11:00:00.000000Z", "2026-11-18T11:00:00.000000Z")
    assert all(training["metrics"]["training_step_count"] >= 500 for training in results if training["completed_at"])


def test_the_other_lists_describe_the_account(client: TestClient) -> None:
    assert get(client, "/v1/account")["username"] == "sandbox"
    assert get(client, "/v1/account", OTHER_KEY)["type"] == "organization"
    skus = {hardware["sku"] for hardware in get(client, "/v1/hardware")}
    assert set(hardware_of(client).values()) <= skus
    (first, second) = (get(client, "/v1/deployments", OTHER_KEY, **page) for page in ({}, {"cursor": "bz0xMDA="}))
    assert (len(first["results"]), len(second["results"]), second["next"]) == (100, 1, None)
    assert first["next"].endswith("/v1/deployments?cursor=bz0xMDA%3D")
    assert {release["owner"] for release in first["results"]} == {"other"}
