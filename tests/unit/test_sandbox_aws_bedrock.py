"""AWS's stand-in, read by AWS's own client: it accepts boto3's signatures, and boto3 adds up to the truth."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI

from usage_ledger.sandbox.app import running
from usage_ledger.sandbox.aws_bedrock.account import LATE_AT, RETIRED_AT
from usage_ledger.sandbox.aws_bedrock.api import aws_bedrock_router
from usage_ledger.sandbox.aws_bedrock.truth import COLUMNS, DIMENSIONS, BedrockTruth

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed, so nothing reads AWS's stand-in")
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, END = date(2026, 11, 8), date(2026, 11, 20)
TRUTH = BedrockTruth(account="acme", metrics_per_page=20, points_per_page=37)
OTHERS = {
    "poor": replace(TRUTH, account="poor", denied=("cloudwatch:GetMetricData",)),
    "away": replace(TRUTH, account="away", disabled=("eu-central-1",)),
    "fast": replace(TRUTH, account="fast", clock_ahead=timedelta(minutes=9)),
    "over": replace(TRUTH, account="over", session_token="a-token", expired=True),
    "lent": replace(TRUTH, account="lent", session_token="a-token"),
    "twice": replace(TRUTH, account="twice", both_spellings=True, points_per_page=100_800),
}
SETS = {"AWS/Bedrock": {"ModelId"}, "AWS/BedrockMantle": {"Model", "Project"}}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = FastAPI()
    accounts = {f"secret/of+{truth.account}": truth for truth in (TRUTH, *OTHERS.values())}
    app.include_router(aws_bedrock_router(accounts, lambda: NOW))
    with running(app) as address:
        yield address


def client(url: str, service: str, region: str = "eu-central-1", truth: BedrockTruth = TRUTH, **more: Any) -> Any:
    keys = {"aws_access_key_id": truth.access_key_id, "aws_secret_access_key": f"secret/of+{truth.account}", **more}
    once = Config(retries={"max_attempts": 1})
    return boto3.client(service, region_name=region, endpoint_url=url, config=once, **keys)


def listed(cloudwatch: Any, namespace: str) -> list[dict[str, Any]]:
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace)
    return [metric for page in pages for metric in page["Metrics"]]


def sums_of(cloudwatch: Any, metrics: list[dict[str, Any]], start: date, end: date) -> dict[int, dict[date, int]]:
    """What each metric counted by UTC date, by its number."""
    queries = [
        {"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": 86400, "Stat": "Sum"}}
        for number, metric in enumerate(metrics)
    ]
    times = {
        "StartTime": datetime(*start.timetuple()[:3], tzinfo=UTC),
        "EndTime": datetime(*end.timetuple()[:3], tzinfo=UTC),
    }
    found: dict[int, dict[date, int]] = {}
    for page in cloudwatch.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, **times):
        for result in page["MetricDataResults"]:
            days = found.setdefault(int(result["Id"][1:]), {})
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                day = at.astimezone(UTC).date()
                assert day not in days and value == int(value)
                days[day] = int(value)
    return found


def read_by_boto(url: str, by: str) -> dict[tuple[date, str, str], dict[str, int]]:
    """The ledger's columns as somebody adds them up who reads the documentation and uses AWS's own client."""
    columns = {name: column for column, names in COLUMNS.items() for name in names}
    totals: dict[tuple[date, str, str], dict[str, int]] = {}
    for region in TRUTH.regions:
        cloudwatch = client(url, "cloudwatch", region)
        for namespace, labels in SETS.items():
            metrics = [
                metric
                for metric in listed(cloudwatch, namespace)
                if metric["MetricName"] in columns and {one["Name"] for one in metric["Dimensions"]} == labels
            ]
            for number, days in sums_of(cloudwatch, metrics, FIRST, END).items():
                label = {one["Name"]: one["Value"] for one in metrics[number]["Dimensions"]}
                called = label.get("ModelId") or label["Model"]
                base = re.sub(r"^(us|eu)\.", "", called)
                known = ("", base, called, region, label.get("Project", ""), namespace)
                column = columns[metrics[number]["MetricName"]]
                for day, value in days.items():
                    total = totals.setdefault((day, "", dict(zip(DIMENSIONS, known, strict=True))[by]), {})
                    total[column] = total.get(column, 0) + value
                    if column in ("cached_input_tokens", "cache_write_tokens"):
                        total["input_tokens"] = total.get("input_tokens", 0) + value
    return totals


@pytest.mark.parametrize("by", DIMENSIONS)
def test_what_boto3_adds_up_is_the_truth(url: str, by: str) -> None:
    truth = TRUTH.expected("usage", FIRST, END, by=by, now=NOW)
    metered = {place: {name: value for name, value in sums.items() if value} for place, sums in truth.items()}
    assert read_by_boto(url, by) == metered
    assert len(metered) > 11


def test_one_call_is_published_under_several_sets_of_dimensions_and_lists_are_paged(url: str) -> None:
    metrics = listed(client(url, "cloudwatch"), "AWS/Bedrock")
    sets = {frozenset(one["Name"] for one in metric["Dimensions"]) for metric in metrics}
    assert sets == {frozenset(), frozenset({"ModelId"}), frozenset({"ModelId", "ServiceTier", "ResolvedServiceTier"})}
    assert len(metrics) > TRUTH.metrics_per_page
    every = client(url, "cloudwatch").list_metrics(Namespace="AWS/Bedrock", Dimensions=[{"Name": "ServiceTier"}])
    assert {len(one["Dimensions"]) for one in every["Metrics"]} == {3}


def test_a_metric_at_rest_for_two_weeks_is_in_no_list_and_its_points_are_served(url: str) -> None:
    cloudwatch = client(url, "cloudwatch")
    model = "anthropic.claude-instant-v1"
    metrics = listed(cloudwatch, "AWS/Bedrock")
    assert model not in {one["Value"] for metric in metrics for one in metric["Dimensions"]}
    quiet = [
        {"Namespace": "AWS/Bedrock", "MetricName": "Invocations", "Dimensions": [{"Name": "ModelId", "Value": model}]}
    ]
    last = RETIRED_AT.date()
    assert set(sums_of(cloudwatch, quiet, last - 2 * DAY, last + 3 * DAY)[0]) == {last - 2 * DAY, last - DAY, last}
    fresh = [{**quiet[0], "Dimensions": [{"Name": "ModelId", "Value": "qwen.qwen3-32b-v1:0"}]}]
    assert min(sums_of(cloudwatch, fresh, FIRST, END)[0]) == LATE_AT.date()


def test_both_spellings_tell_of_the_same_tokens(url: str) -> None:
    cloudwatch = client(url, "cloudwatch", truth=OTHERS["twice"])
    names = ("CacheReadInputTokens", "CacheReadInputTokenCount")
    metrics = [
        metric
        for metric in listed(cloudwatch, "AWS/Bedrock")
        if metric["MetricName"] in names
        and [one["Name"] for one in metric["Dimensions"]] == ["ModelId"]
        and metric["Dimensions"][0]["Value"].startswith("eu.")
    ]
    assert {metric["MetricName"] for metric in metrics} == set(names)
    first, second = sums_of(cloudwatch, metrics, FIRST, END).values()
    assert first == second


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("1 to 500", {"MetricDataQueries": 501}),
    ("pattern", {"Id": "M0"}),
    ("unique", {"Id": "m1"}),
    ("multiple of 60", {"Period": 7}),
    ("multiple of 300", {"Period": 60, "StartTime": NOW - 20 * DAY}),
    ("multiple of 3600", {"Period": 300, "StartTime": NOW - 70 * DAY}),
    ("less than", {"StartTime": NOW + DAY}),
    ("Period must not", {"outer": 60}),
    ("next token", {"NextToken": "page_MTox"}),
]


@pytest.mark.parametrize(("words", "change"), REFUSED, ids=[words for words, _ in REFUSED])
def test_the_limits_of_a_question_are_kept(url: str, words: str, change: dict[str, Any]) -> None:
    stat = {
        "Metric": {"Namespace": "AWS/Bedrock", "MetricName": "Invocations", "Dimensions": []},
        "Period": change.get("Period", 86400),
        "Stat": "Sum",
    }
    queries = [{"Id": f"m{number}", "MetricStat": stat} for number in range(change.get("MetricDataQueries", 2))]
    queries[0] |= {"Id": change.get("Id", "m0")} | ({"Period": change["outer"]} if "outer" in change else {})
    asked: dict[str, Any] = {
        "StartTime": change.get("StartTime", NOW - DAY),
        "EndTime": NOW,
        "MetricDataQueries": queries,
    }
    asked |= {"NextToken": change["NextToken"]} if "NextToken" in change else {}
    with pytest.raises(ClientError, match=words) as refused:
        client(url, "cloudwatch").get_metric_data(**asked)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("poor", "AccessDenied", "cloudwatch:GetMetricData"),
        ("away", "UnrecognizedClient", "security token"),
        ("fast", "InvalidSignature", "Signature expired"),
        ("over", "ExpiredToken", "is expired"),
        ("lent", "UnrecognizedClient", "security token"),
    ],
)
def test_refusals_are_in_awss_words(url: str, name: str, code: str, words: str) -> None:
    cloudwatch = client(url, "cloudwatch", truth=OTHERS[name])
    metric = [{"Namespace": "AWS/Bedrock", "MetricName": "Invocations", "Dimensions": []}]
    with pytest.raises(ClientError, match=words) as refused:
        sums_of(cloudwatch, metric, FIRST, END)
    assert refused.value.response["Error"]["Code"].startswith(code)


def test_a_wrong_secret_opens_nothing_and_a_session_token_is_part_of_the_key(url: str) -> None:
    with pytest.raises(ClientError, match="signature we calculated"):
        listed(client(url, "cloudwatch", aws_secret_access_key="another"), "AWS/Bedrock")
    assert listed(client(url, "cloudwatch", truth=OTHERS["lent"], aws_session_token="a-token"), "AWS/Bedrock")


def test_boto3_reads_the_charges_and_they_are_the_truth(url: str) -> None:
    explorer = client(url, "ce", "us-east-1")
    period = {"Start": str(FIRST), "End": str(END)}
    names = explorer.get_dimension_values(TimePeriod=period, Dimension="SERVICE", SearchString="Bedrock")
    services = [one["Value"] for one in names["DimensionValues"]]
    assert services == ["Amazon Bedrock", "Claude Sonnet 4.5 (Amazon Bedrock Edition)"]
    groups = [{"Type": "DIMENSION", "Key": key} for key in ("RECORD_TYPE", "USAGE_TYPE")]
    totals: dict[tuple[date, str, str], dict[str, Decimal]] = {}
    for service in services:
        answer = explorer.get_cost_and_usage(
            TimePeriod=period,
            Granularity="DAILY",
            Metrics=["UnblendedCost", "UsageQuantity"],
            GroupBy=groups,
            Filter={
                "And": [
                    {"Dimensions": {"Key": "SERVICE", "Values": [service]}},
                    {"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": [TRUTH.account_id]}},
                ]
            },
        )
        for day in answer["ResultsByTime"]:
            for group in day["Groups"]:
                place = (date.fromisoformat(day["TimePeriod"]["Start"]), "", group["Keys"][0])
                total = totals.setdefault(place, {"amount": Decimal(0)})
                total["amount"] += Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
    assert totals == TRUTH.expected("cost", FIRST, END, by="charge_category", now=NOW)
    assert {kind for _, _, kind in totals} == {"Usage", "Credit", "Tax"}


def test_boto3_reads_the_profiles_of_both_kinds(url: str) -> None:
    bedrock = client(url, "bedrock")
    kinds = {
        kind: [
            (one["inferenceProfileId"], one["inferenceProfileName"])
            for one in bedrock.list_inference_profiles(typeEquals=kind)["inferenceProfileSummaries"]
        ]
        for kind in ("SYSTEM_DEFINED", "APPLICATION")
    }
    own = TRUTH.application_profile("eu-central-1")
    assert kinds["APPLICATION"] == [(own, "support-bot-eu-central-1-v2")]
    assert kinds["SYSTEM_DEFINED"][0][0].startswith("eu.anthropic.claude-sonnet")
