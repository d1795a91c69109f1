"""The stand-in provider tells one truth: in its answers, in its expectations, in every time zone."""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI

from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.account import AUDIO_MODEL
from usage_ledger.sandbox.fireworks.prices import price_list
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.sandbox.fireworks.usage import DIMENSIONS
from usage_ledger.sandbox.kit.account import LATE_KEY_CREATED_AT, RENAMED_AT
from usage_ledger.sandbox.kit.slots import instant_of, local_days, slot_of

TRUTH = FireworksTruth(since=date(2025, 1, 1))
EVERYTHING = sorted(DIMENSIONS)
KEY = "fw_the-one-that-opens"
NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
OCTOBER = (date(2026, 10, 1), date(2026, 11, 1))
LOS_ANGELES, LORD_HOWE, KATHMANDU = "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kathmandu"

Json = dict[str, Any]


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app([TRUTH, FireworksTruth(account="other", keys=1)], KEY, now=lambda: NOW)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with running(app) as base_url, httpx.Client(base_url=base_url, headers=headers, trust_env=False) as opened:
        yield opened


def usage_params(start: str, end: str, **more: Any) -> Json:
    return {"startTime": start, "endTime": end, "groupBy": EVERYTHING, **more}


def decoded(response: httpx.Response) -> Json:
    assert response.status_code == 200, response.text
    answer: Json = json.loads(response.content, parse_float=Decimal)
    return answer


def local_date(row: Json, zone: str) -> date:
    return datetime.fromisoformat(row["startTime"]).astimezone(ZoneInfo(zone)).date()


def summed(answer: Json, zone: str) -> dict[date, dict[str, int | Decimal]]:
    """The rows of an answer, added up per local date as a reader of the documentation would."""
    meters = (
        ("serverlessCosts", "promptTokens", "input_tokens"),
        ("serverlessCosts", "cachedPromptTokens", "cached_input_tokens"),
        ("serverlessCosts", "completionTokens", "output_tokens"),
        ("serverlessCosts", "audioInputSeconds", "audio_seconds"),
        ("dedicatedCosts", "acceleratorSeconds", "accelerator_seconds"),
        ("trainingCosts", "tokens", "training_tokens"),
    )
    totals: dict[date, dict[str, int | Decimal]] = defaultdict(lambda: {name: 0 for _, _, name in meters})
    for array, field, name in meters:
        for row in answer[array]:
            amount = row[field]
            totals[local_date(row, zone)][name] += int(amount) if isinstance(amount, str) else amount
    return dict(totals)


def hours(row: Json) -> Decimal:
    length = datetime.fromisoformat(row["endTime"]) - datetime.fromisoformat(row["startTime"])
    return Decimal(length // timedelta(minutes=1)) / 60


def dollars(money: Json) -> Decimal:
    assert money["currencyCode"] == "USD"
    return int(money["units"]) + Decimal(money["nanos"]) / 10**9


# The truth


@pytest.mark.parametrize("zone", ["UTC", LOS_ANGELES, LORD_HOWE, KATHMANDU])
def test_rows_add_up_to_the_expectation(zone: str) -> None:
    answer = TRUTH.usage(*OCTOBER, zone, EVERYTHING)
    assert summed(answer, zone) == TRUTH.expected_usage(*OCTOBER, zone)


@pytest.mark.parametrize("group_by", [[], ["api_key_id"], ["annotations.team"], ["deployment_name", "model_name"]])
def test_a_coarser_grouping_keeps_the_totals_and_the_identity_of_rows(group_by: list[str]) -> None:
    answer: Json = TRUTH.usage(*OCTOBER, "UTC", group_by)
    assert summed(answer, "UTC") == TRUTH.expected_usage(*OCTOBER, "UTC")
    rows = answer["serverlessCosts"]
    identities = set()
    for row in rows:
        told = [(name.removeprefix("annotations."), value) for name, value in row["group"].items() if value]
        identities.add((row["startTime"], row["usageType"], *told))
    assert len(identities) == len(rows)
    spoken = [row for row in rows if row["audioInputSeconds"]]
    assert {(row["promptTokens"], row["usageType"]) for row in spoken} == {("0", "AUDIO_INFERENCE_USAGE")}


def test_every_slot_is_counted_once_and_never_falls() -> None:
    day = date(2026, 11, 6)
    first, last = slot_of(datetime(2026, 11, 6, 8, tzinfo=UTC)), slot_of(datetime(2026, 11, 7, 8, tzinfo=UTC))
    meters = [meter for pair in TRUTH.all_pairs for meter in (pair.cached, pair.uncached)]
    steps = [meter.between(slot, slot + 1) for meter in meters for slot in range(first, last)]
    assert min(steps) >= 0
    expected = TRUTH.expected_usage(day, day + timedelta(days=1), LOS_ANGELES)[day]
    assert sum(steps) == expected["input_tokens"]


def test_a_month_differs_between_zones_by_its_edges_alone() -> None:
    def total(zone: str) -> int:
        rows: Any = TRUTH.usage(*OCTOBER, zone, EVERYTHING)["serverlessCosts"]
        return sum(int(row["promptTokens"]) for row in rows)

    def first_seven_hours(day: date) -> int:
        first = slot_of(datetime(day.year, day.month, day.day, tzinfo=UTC))
        return sum(
            meter.between(first, first + 28) for pair in TRUTH.all_pairs for meter in (pair.cached, pair.uncached)
        )

    head, tail = (first_seven_hours(day) for day in OCTOBER)
    assert head != tail
    assert total(LOS_ANGELES) == total("UTC") - head + tail


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        (LORD_HOWE, date(2026, 4, 5), "24.5"),
        (LORD_HOWE, date(2026, 10, 4), "23.5"),
        (LOS_ANGELES, date(2026, 3, 8), "23"),
        (LOS_ANGELES, date(2026, 11, 1), "25"),
        ("America/Havana", date(2026, 3, 8), "23"),
        (KATHMANDU, date(2026, 3, 8), "24"),
    ],
)
def test_days_are_as_long_as_the_local_clock_makes_them(zone: str, day: date, length: str) -> None:
    rows: Any = TRUTH.usage(day, day + timedelta(days=1), zone, [])["serverlessCosts"]
    assert rows
    assert {hours(row) for row in rows} == {Decimal(length)}
    assert {local_date(row, zone) for row in rows} == {day}


def test_a_date_that_was_skipped_has_no_row() -> None:
    early = FireworksTruth(since=date(2011, 12, 1))
    start, end = date(2011, 12, 29), date(2012, 1, 1)
    answer = early.usage(start, end, "Pacific/Apia", EVERYTHING)
    assert set(summed(answer, "Pacific/Apia")) == {date(2011, 12, 29), date(2011, 12, 31)}
    assert set(early.expected_usage(start, end, "Pacific/Apia")) == {date(2011, 12, 29), date(2011, 12, 31)}


def test_days_follow_one_another_without_a_gap() -> None:
    days = local_days(date(2026, 1, 1), date(2027, 1, 1), ZoneInfo(LORD_HOWE))
    assert len(days) == 365
    assert all(one.last == other.first for one, other in pairwise(days))
    assert instant_of(days[0].first) == datetime(2025, 12, 31, 13, tzinfo=UTC)


def test_expectations_by_model_and_by_key_agree_with_rows() -> None:
    rows: Any = TRUTH.usage(*OCTOBER, LORD_HOWE, ["model_name", "api_key_id"])["serverlessCosts"]
    for name, expected in (
        ("model_name", TRUTH.expected_by_model(*OCTOBER, LORD_HOWE)),
        ("api_key_id", TRUTH.expected_by_api_key(*OCTOBER, LORD_HOWE)),
    ):
        found: dict[tuple[date, str], dict[str, int]] = {}
        for row in rows:
            place = (local_date(row, LORD_HOWE), row["group"][name])
            total = found.setdefault(place, {"input_tokens": 0, "output_tokens": 0})
            total["input_tokens"] += int(row["promptTokens"])
            total["output_tokens"] += int(row["completionTokens"])
        assert found == expected


def test_parts_of_the_prompt_are_its_sum_and_days_are_lively() -> None:
    rows: Any = TRUTH.usage(*OCTOBER, "UTC", EVERYTHING)["serverlessCosts"]
    for row in rows:
        cached, uncached = int(row["cachedPromptTokens"]), int(row["uncachedPromptTokens"])
        assert 0 <= cached <= int(row["promptTokens"]) == cached + uncached
    totals = {day: total["input_tokens"] for day, total in TRUTH.expected_usage(*OCTOBER, "UTC").items()}
    assert len(set(totals.values())) == 31
    weekend = [amount for day, amount in totals.items() if day.weekday() >= 5]
    assert sum(weekend) * 31 < sum(totals.values()) * len(weekend)


def test_the_truth_depends_on_its_arguments_alone() -> None:
    day = date(2026, 10, 1)
    one = FireworksTruth().expected_usage(day, day + timedelta(days=1), "UTC")[day]
    # Written down, so that another process, machine or Python cannot disagree unseen.
    assert one["input_tokens"] == 10_734_671
    other = FireworksTruth(seed=2).expected_usage(day, day + timedelta(days=1), "UTC")[day]
    assert one["input_tokens"] != other["input_tokens"]


def test_the_renamed_key_has_two_rows_on_the_day_of_its_renaming() -> None:
    day, key = RENAMED_AT.date(), TRUTH.all_keys[1]

    def rows(on: date) -> list[Json]:
        found: Any = TRUTH.usage(on, on + timedelta(days=1), "UTC", EVERYTHING)["serverlessCosts"]
        model = TRUTH.all_models[0].model_id
        return [r for r in found if r["group"]["api_key_id"] == key.key_id and r["group"]["model_name"] == model]

    before, (old, new), after = rows(day - timedelta(days=1)), rows(day), rows(day + timedelta(days=1))
    names = [row["group"]["api_key_name"] for row in (*before, old, new, *after)]
    assert names == ["search", "search", "search-v2", "search-v2"]
    counted = {"promptTokens", "cachedPromptTokens", "uncachedPromptTokens", "completionTokens", "group"}
    assert {k: v for k, v in old.items() if k not in counted} == {k: v for k, v in new.items() if k not in counted}
    assert old["group"] | {"api_key_name": ""} == new["group"] | {"api_key_name": ""}
    pair = next(p for p in TRUTH.all_pairs if p.key == key and p.model_id == TRUTH.all_models[0].model_id)
    first = slot_of(datetime(day.year, day.month, day.day, tzinfo=UTC))
    assert int(old["completionTokens"]) + int(new["completionTokens"]) == pair.output.between(first, first + 96)


def test_the_late_key_has_no_usage_before_it_was_created() -> None:
    late = TRUTH.all_keys[3].key_id
    expected = TRUTH.expected_by_api_key(date(2026, 11, 1), date(2026, 11, 20), "UTC")
    assert min(day for day, key in expected if key == late) == LATE_KEY_CREATED_AT.date()


def test_tags_are_spelled_in_all_the_ways_seen_live() -> None:
    rows: Any = TRUTH.usage(*OCTOBER, "UTC", EVERYTHING)["serverlessCosts"]
    groups = defaultdict(list)
    for row in rows:
        groups[row["group"]["api_key_id"]].append(row["group"])
    keys = [key.key_id for key in TRUTH.all_keys]
    assert any("annotations.team" in group for group in groups[keys[0]])
    assert not any(name.startswith("annotations") for group in groups[keys[2]] for name in group)
    assert all(group["annotations.team"] == group["api_key_name"] == "" for group in groups[keys[4]])
    assert any("team" in group for group in groups[keys[5]])
    assert not any("annotations.team" in group for group in groups[keys[5]])


# The bill


def test_line_items_of_days_add_up_to_the_range_and_to_the_expectation() -> None:
    answer: Any = TRUTH.summary(*OCTOBER, True)
    expected = TRUTH.expected_cost(*OCTOBER)
    names = ("category", "groupingKey", "groupingValue", "secondaryGroupingKey", "secondaryGroupingValue", "series")
    by_line: dict[tuple[str, ...], list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    for bucket in answer["usageBuckets"]:
        costs = [dollars(item["totalCost"]) for item in bucket["lineItems"]]
        assert sum(costs) == expected.pop(local_date(bucket, "UTC"))
        for item, cost in zip(bucket["lineItems"], costs, strict=True):
            line = by_line[tuple(item[name] for name in names)]
            line[0] += item["quantity"]
            line[1] += cost
    assert not expected
    whole = {
        tuple(item[name] for name in names): [item["quantity"], dollars(item["totalCost"])]
        for item in answer["lineItems"]
    }
    assert whole == by_line
    assert {line[-1] for line in whole} == {"SERVERLESS", "DEDICATED_DEPLOYMENT", "TRAINING"}
    assert TRUTH.summary(*OCTOBER, False) == {"lineItems": answer["lineItems"], "usageBuckets": []}


def test_billed_quantities_are_the_metered_ones() -> None:
    answer: Any = TRUTH.summary(*OCTOBER, False)
    quantities: dict[str, int | Decimal] = defaultdict(int)
    for item in answer["lineItems"]:
        quantities[item["category"]] += item["quantity"]
    totals = TRUTH.expected_usage(*OCTOBER, "UTC").values()
    cached = sum(total["cached_input_tokens"] for total in totals)
    assert quantities["LLM input tokens (cached)"] == cached
    assert quantities["LLM input tokens (uncached)"] == sum(total["input_tokens"] for total in totals) - cached
    assert quantities["Audio Transcription"] == sum(total["audio_seconds"] for total in totals)
    assert quantities["Dedicated deployments"] == sum(total["accelerator_seconds"] for total in totals)


def test_one_price_has_a_fraction_that_its_unit_amount_cannot_hold() -> None:
    answer: Any = TRUTH.summary(*OCTOBER, False)
    differing = {
        (item["category"], item["groupingValue"])
        for item in answer["lineItems"]
        if item["quantity"] * dollars(item["unitAmount"]) != dollars(item["totalCost"])
    }
    assert differing == {("LLM input tokens (cached)", "DeepSeek V4.1 Flash")}


# The service


def test_usage_over_http_equals_the_truth(client: httpx.Client) -> None:
    params = usage_params("2026-10-01T00:00:00-07:00", "2026-11-01T00:00:00-07:00", timezone=LOS_ANGELES)
    response = client.get("/v1/accounts/sandbox/billingUsage", params=params)
    assert response.headers["content-encoding"] == "gzip"
    assert summed(decoded(response), LOS_ANGELES) == TRUTH.expected_usage(*OCTOBER, LOS_ANGELES)


def test_seconds_of_audio_are_an_exact_number(client: httpx.Client) -> None:
    params = usage_params("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", usageType="SERVERLESS")
    answer = decoded(client.get("/v1/accounts/sandbox/billingUsage", params=params))
    (audio,) = (row for row in answer["serverlessCosts"] if row["modelName"] == AUDIO_MODEL)
    assert audio["audioInputSeconds"] == TRUTH.expected_usage(*OCTOBER, "UTC")[OCTOBER[0]]["audio_seconds"]
    assert isinstance(audio["audioInputSeconds"], Decimal)
    assert audio["promptTokens"] == "0"
    assert answer["dedicatedCosts"] == answer["trainingCosts"] == []


def test_the_running_day_holds_only_what_is_over(client: httpx.Client) -> None:
    params = usage_params("2026-11-19T00:00:00Z", "2026-11-23T00:00:00Z")
    answer = decoded(client.get("/v1/accounts/sandbox/billingUsage", params=params))
    found = summed(answer, "UTC")
    start, end = date(2026, 11, 19), date(2026, 11, 21)
    assert found == TRUTH.expected_usage(start, end, "UTC", now=NOW)
    whole = TRUTH.expected_usage(start, end, "UTC")
    assert found[start] == whole[start]
    assert 0 < found[NOW.date()]["input_tokens"] < whole[NOW.date()]["input_tokens"]
    costs = decoded(client.get("/v1/accounts/sandbox/billing/summary", params={**params, "granularity": "DAILY"}))[
        "usageBuckets"
    ]
    assert [local_date(bucket, "UTC") for bucket in costs] == [start, NOW.date()]


def test_a_window_off_midnight_gives_the_days_that_start_in_it(client: httpx.Client) -> None:
    params = usage_params("2026-10-01T00:00:01Z", "2026-10-03T12:00:00Z")
    answer = decoded(client.get("/v1/accounts/sandbox/billingUsage", params=params))
    assert set(summed(answer, "UTC")) == {date(2026, 10, 2), date(2026, 10, 3)}


def test_a_wrong_slug_answers_with_nothing(client: httpx.Client) -> None:
    params = usage_params("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z")
    usage = decoded(client.get("/v1/accounts/nobody/billingUsage", params=params))
    assert usage == {"serverlessCosts": [], "dedicatedCosts": [], "trainingCosts": []}
    summary = decoded(client.get("/v1/accounts/nobody/billing/summary", params=params))
    assert summary == {"lineItems": [], "usageBuckets": []}


@pytest.mark.parametrize("sent", ["Bearer fw_wrong-key", "Basic " + KEY, KEY, "Bearer", ""])
def test_a_bad_key_is_refused_and_never_repeated(client: httpx.Client, sent: str) -> None:
    response = client.get("/v1/accounts", headers={"Authorization": sent})
    assert response.status_code == 401
    assert response.json() == {"code": 16, "message": "invalid API key", "details": []}


WINDOW = {"startTime": "2026-10-01T00:00:00Z", "endTime": "2026-11-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("report", "change"),
    [
        ("billingUsage", {"endTime": "2026-11-01T00:00:01Z"}),
        ("billing/summary", {"endTime": "2026-11-01T00:00:01Z"}),
        ("billingUsage", {"endTime": "2026-10-01T00:00:00Z"}),
        ("billingUsage", {"startTime": "2026-10-01"}),
        ("billingUsage", {"startTime": "2026-10-01T00:00:00"}),
        ("billingUsage", {"startTime": "2026-02-30T00:00:00Z"}),
        ("billingUsage", {"startTime": ""}),
        ("billingUsage", {"timezone": "Mars/Olympus"}),
        ("billingUsage", {"timezone": "../etc/passwd"}),
        ("billingUsage", {"groupBy": ["model_name", "colour"]}),
        ("billingUsage", {"usageType": "EVERYTHING"}),
        ("billing/summary", {"granularity": "HOURLY"}),
    ],
)
def test_a_bad_argument_is_refused(client: httpx.Client, report: str, change: Json) -> None:
    response = client.get(f"/v1/accounts/sandbox/{report}", params=WINDOW | change)
    assert (response.status_code, response.json()["code"]) == (400, 3)
    assert decoded(client.get(f"/v1/accounts/sandbox/{report}", params=WINDOW))


def test_accounts_come_in_pages(client: httpx.Client) -> None:
    first = decoded(client.get("/v1/accounts", params={"pageSize": 1}))
    assert [account["name"] for account in first["accounts"]] == ["accounts/other"]
    token = first["nextPageToken"]
    second = decoded(client.get("/v1/accounts", params={"pageSize": 1, "pageToken": token}))
    assert [account["name"] for account in second["accounts"]] == ["accounts/sandbox"]
    assert second["nextPageToken"] == ""
    assert client.get("/v1/accounts", params={"pageToken": "x"}).status_code == 400


def test_users_own_the_keys_that_usage_names(client: httpx.Client) -> None:
    users = decoded(client.get("/v1/accounts/sandbox/users"))["users"]
    listed: dict[str, str] = {}
    for user in users:
        for key in decoded(client.get(f"/v1/{user['name']}/apiKeys"))["apiKeys"]:
            listed[key["keyId"]] = key["displayName"]
            assert key["email"] == user["email"]
    assert set(listed) == {key.key_id for key in TRUTH.all_keys}
    assert listed[TRUTH.all_keys[1].key_id] == "search-v2"
    everyone = decoded(client.get("/v1/accounts/sandbox/users/-/apiKeys"))["apiKeys"]
    assert {key["keyId"] for key in everyone} == set(listed)
    assert client.get("/v1/accounts/nobody/users").json()["code"] == 5


def test_requests_are_noted_without_headers(app: FastAPI, client: httpx.Client) -> None:
    before = len(app.state.requests)
    client.get("/v1/accounts", params={"pageSize": 7})
    client.get("/healthz", headers={"Authorization": ""}).raise_for_status()
    assert app.state.requests[before:] == ["GET /v1/accounts?pageSize=7", "GET /healthz"]
    assert client.get("/v1/elsewhere").status_code == 501
    assert KEY not in "".join(app.state.requests)


def test_bodies_are_packed_only_when_asked(client: httpx.Client) -> None:
    def raw(encoding: str) -> tuple[bytes, str | None]:
        headers = {"Accept-Encoding": encoding}
        path = "/v1/accounts/sandbox/billingUsage"
        with client.stream("GET", path, params={**WINDOW, "groupBy": EVERYTHING}, headers=headers) as response:
            return b"".join(response.iter_raw()), response.headers.get("content-encoding")

    plain, packed = raw("identity"), raw("gzip")
    assert (plain[1], packed[1]) == (None, "gzip")
    assert gzip.decompress(packed[0]) == plain[0]


def test_the_service_needs_a_key() -> None:
    with pytest.raises(ValueError, match="key"):
        create_app([TRUTH], "")


def test_a_month_of_tiers_a_batch_and_a_dated_price_costs_what_the_truth_says() -> None:
    truth = FireworksTruth(since=date(2025, 1, 1), tiers=True)
    first, end = date(2026, 11, 1), date(2026, 12, 1)
    plain, expected = TRUTH.expected_cost(first, end), truth.expected_cost(first, end)
    summary = truth.summary(first, end, True)
    buckets = {
        date.fromisoformat(bucket["startTime"][:10]): [
            Decimal(item["totalCost"]["units"]) + Decimal(item["totalCost"]["nanos"]).scaleb(-9)
            for item in bucket["lineItems"]
        ]
        for bucket in summary["usageBuckets"]
    }
    assert {day: sum(amounts) for day, amounts in buckets.items()} == expected
    monday, risen = date(2026, 11, 9), date(2026, 11, 10)
    assert expected[monday] > plain[monday], "Priority on a Monday"
    assert expected[risen] > plain[risen] - plain[risen] / 1000, "a price that rose outweighs the batch"
    batches = [item for item in summary["lineItems"] if item["secondaryGroupingValue"] == "true"]
    assert {item["groupingValue"] for item in batches} == {"DeepSeek V4.1 Flash"}


def test_the_price_list_of_such_a_month_changes_on_the_date() -> None:
    models = FireworksTruth(tiers=True).all_models

    def output(day: date) -> str:
        (entry,) = [
            one
            for one in price_list(models, day)
            if one["display_name"] == "GLM 5.3" and one["serverless_mode"] == "default"
        ]
        return str(entry["pricing"][2]["amount"])

    assert (output(date(2026, 11, 9)), output(date(2026, 11, 10))) == ("4.4", "4.84")
