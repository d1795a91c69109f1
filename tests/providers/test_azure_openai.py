"""Azure: the stand-in is read alike by Microsoft's own client, and refuses what Azure refuses."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from kit.azure_sdk import Through, access_token, monitor, points_of

from usage_ledger.core.provider_errors import NotWhole
from usage_ledger.http.page import Call, Page
from usage_ledger.model import Catalogue, HttpPages, Provider
from usage_ledger.providers import PROVIDERS
from usage_ledger.reading.marks import require_marks
from usage_ledger.reading.reshape import reshape
from usage_ledger.sandbox.app import running
from usage_ledger.sandbox.azure_openai.api import azure_openai_router
from usage_ledger.sandbox.azure_openai.truth import AzureTruth
from usage_ledger.sources.listing import items_of, value_at

NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
SECRET = "a secret of an application"
TENANT = AzureTruth()
RESOURCE = TENANT.all_resources[0]
EXAMPLES = json.loads((Path(__file__).parents[1] / "fixtures" / "azure_examples.json").read_text(encoding="utf-8"))
SPAN = "2026-11-17T00:00:00Z/2026-11-19T00:00:00Z"
NAMESPACE = "Microsoft.CognitiveServices/accounts"
SPLIT = "ModelDeploymentName eq '*' and Region eq '*' and ModelName eq '*' and ModelVersion eq '*'"
METRICS = {
    "api-version": "2024-02-01",
    "metricnamespace": NAMESPACE,
    "metricnames": "InputTokens,OutputTokens",
    "timespan": SPAN,
    "interval": "P1D",
    "aggregation": "Total",
    "top": "10000",
    "$filter": SPLIT,
}
Asked = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = FastAPI()
    app.include_router(azure_openai_router({SECRET: TENANT}, lambda: NOW))
    with running(app) as address:
        yield address


@pytest.fixture(scope="module")
def token(url: str) -> str:
    return access_token(url, TENANT.account_id, TENANT.client_id, SECRET)


@pytest.fixture
def asked(url: str, token: str) -> Asked:
    def ask(path: str, **parameters: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{url}{path}", params=parameters, headers=headers, trust_env=False)

    return ask


def series_of(answer: httpx.Response) -> list[Any]:
    return [series for metric in answer.json()["value"] for series in metric["timeseries"]]


def test_microsofts_client_reads_the_stand_in_as_it_was_meant(url: str, token: str) -> None:
    through = Through(url)
    answer = monitor(through, token).metrics.list(
        RESOURCE.path.lstrip("/"),
        timespan=SPAN,
        interval="P1D",
        metricnames="InputTokens,OutputTokens",
        aggregation="Total",
        top=10000,
        filter=SPLIT,
        metricnamespace=NAMESPACE,
    )
    points = points_of(answer)
    totals: dict[tuple[str, str], float] = {}
    for (metric, _, at), total in points.items():
        totals[metric, str(at.date())] = totals.get((metric, str(at.date())), 0) + (total or 0)
    truth = TENANT.expected("usage", NOW.date().replace(day=17), NOW.date().replace(day=19), by="resource", now=NOW)
    names = {"InputTokens": "input_tokens", "OutputTokens": "output_tokens"}
    assert totals == {
        (metric, str(day)): float(amounts[column])
        for (day, breakdown, resource), amounts in truth.items()
        if not breakdown and resource == RESOURCE.path.lower()
        for metric, column in names.items()
    }
    assert set(points.values()) >= {None, 0.0}
    assert answer.value[0].error_code == "Success"


def test_microsofts_client_reads_the_metrics_on_offer(url: str, token: str) -> None:
    through = Through(url)
    listed = monitor(through, token).metric_definitions.list(RESOURCE.path.lstrip("/"))
    names = {one.name.value: {dimension.value for dimension in one.dimensions} for one in listed}
    assert {"InputTokens", "ProcessedPromptTokens", "ModelRequests"} <= names.keys()
    assert "cacheReadInputTokens" not in names
    assert "ModelName" in names["InputTokens"]
    assert "ModelName" not in names["ProcessedPromptTokens"]


@pytest.mark.parametrize("name", ["GetMetric", "GetMetricError"])
def test_microsofts_client_reads_the_published_examples(name: str) -> None:
    through = Through(body=json.dumps(EXAMPLES[name]).encode())
    answer = monitor(through, "t").metrics.list("subscriptions/x/providers/y/z")
    codes = [metric.error_code for metric in answer.value]
    assert codes == [metric["errorCode"] for metric in EXAMPLES[name]["value"]]
    assert points_of(answer)


def test_an_answer_holds_ten_series_where_the_request_names_no_other_number(asked: Asked) -> None:
    path = f"{RESOURCE.path}/providers/Microsoft.Insights/metrics"
    one = METRICS | {"metricnames": "InputTokens"}
    assert len(series_of(asked(path, **one))) == 11
    assert len(series_of(asked(path, **{name: value for name, value in one.items() if name != "top"}))) == 10


def test_buckets_begin_with_the_timespan(asked: Asked) -> None:
    path = f"{RESOURCE.path}/providers/Microsoft.Insights/metrics"
    answer = asked(path, **METRICS | {"timespan": "2026-11-17T12:00:00Z/2026-11-19T12:00:00Z"})
    assert {point["timeStamp"][11:] for series in series_of(answer) for point in series["data"]} == {"12:00:00Z"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"metricnames": "InputTokens,GeneratedCompletionTokens"}, "Failed to find metric configuration"),
        ({"metricnames": "InputTokens,cacheReadInputTokens"}, "Failed to find metric configuration"),
        ({"metricnames": "InputTokens,ProcessedPromptTokens"}, "dimension combination: ModelName"),
        ({"metricnames": ",".join(["InputTokens"] * 21)}, "the most is 20"),
        ({"interval": "P2D"}, "time grain"),
        ({"aggregation": "Average"}, "Aggregation"),
        ({"timespan": "2026-08-01T00:00:00Z/2026-08-02T00:00:00Z"}, "Max metrics retention period: 93.00:00:00"),
        ({"$filter": "ModelName = '*'"}, "Invalid filter"),
        ({"metricnamespace": "Microsoft.Web/sites"}, "namespace"),
    ],
)
def test_what_azure_refuses_is_refused(asked: Asked, changed: dict[str, str], words: str) -> None:
    answer = asked(f"{RESOURCE.path}/providers/Microsoft.Insights/metrics", **METRICS | changed)
    assert answer.status_code == 400
    assert words in answer.json()["message"]


def test_a_token_is_for_one_audience_and_a_wrong_secret_gets_none(url: str, asked: Asked) -> None:
    form = {"grant_type": "client_credentials", "client_id": TENANT.client_id, "client_secret": SECRET}
    address = f"{url}/{TENANT.account_id}/oauth2/v2.0/token"
    wrong = httpx.post(address, data={**form, "client_secret": "x", "scope": "https://a.example/.default"})
    assert (wrong.status_code, wrong.json()["error_codes"]) == (401, [7000215])
    other = httpx.post(address, data={**form, "scope": "https://metrics.monitor.azure.com/.default"}).json()
    headers = {"Authorization": f"Bearer {other['access_token']}"}
    answer = httpx.get(f"{url}/subscriptions?api-version=2022-12-01", headers=headers)
    assert answer.json()["error"]["code"] == "InvalidAuthenticationTokenAudience"
    assert asked("/subscriptions", **{"api-version": "2022-12-01"}).status_code == 200
    assert asked("/subscriptions").json()["error"]["code"] == "MissingApiVersionParameter"


def test_a_deleted_deployment_is_no_longer_listed_and_its_usage_stays(asked: Asked) -> None:
    gone = TENANT.all_deployments[1]
    listed = asked(f"{RESOURCE.path}/deployments", **{"api-version": "2024-10-01"}).json()["value"]
    assert gone.name not in [one["name"] for one in listed]
    span = {"timespan": "2026-11-13T00:00:00Z/2026-11-15T00:00:00Z"}
    answer = asked(f"{RESOURCE.path}/providers/Microsoft.Insights/metrics", **METRICS | span)
    [series] = [
        one
        for one in series_of(answer)[: len(TENANT.all_deployments)]
        if one["metadatavalues"][0]["value"] == gone.name
    ][:1]
    assert all(point["total"] > 0 for point in series["data"])


USAGE, COST = (PROVIDERS["azure_openai"].report(name) for name in ("usage", "cost"))


def page(name: str) -> Page:
    """A published example, as if it had just been answered."""
    body = json.dumps(EXAMPLES[name]).encode()
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return Page(Call("/x"), body, 200, NOW, fields=fields)


def test_we_read_the_published_metrics_as_microsofts_client_does() -> None:
    body = json.dumps(EXAMPLES["GetMetric"]).encode()
    theirs = points_of(monitor(Through(body=body), "t").metrics.list("subscriptions/x/providers/y/z"))
    [text] = reshape(USAGE.reshape, iter([body]))
    ours = {
        (
            metric["name"]["value"],
            (("tier", series["metadatavalues"]["tier"]),),
            datetime.fromisoformat(at["timeStamp"]),
        )
        for metric in json.loads(text)["value"]
        for series in metric["timeseries"]
        for at in series["data"]
    }
    assert ours == theirs.keys() != set()
    assert {float(one) for one in re.findall(rb'"average": ([0-9.]+)', text)} == {7.0, 2.0, 4733.0, 621492.0}


def test_a_metric_that_failed_in_the_published_answer_makes_it_no_answer() -> None:
    only = replace(USAGE, marks=USAGE.marks[:1])
    require_marks(only, page("GetMetric"))
    with pytest.raises(NotWhole, match=r"`value/\*/errorCode` is 'InvalidSamplingType', not 'Success'"):
        require_marks(only, page("GetMetricError"))


def test_the_published_definitions_name_what_may_be_asked_for() -> None:
    assert isinstance(USAGE.source, HttpPages)
    assert isinstance(USAGE.source.per, Catalogue)
    listing = USAGE.source.per.listing
    items = items_of(page("GetMetricDefinitions"), listing)
    assert [value_at(one, listing.id) for one in items] == ["CpuTime", "Requests"]


def test_the_published_costs_become_rows_with_every_digit() -> None:
    text = b'{"properties":{"columns":[{"name":"PreTaxCost","type":"Number"}],"rows":[[0.009865586851323632]]}}'
    assert b"".join(reshape(COST.reshape, iter([text]))) == b'{"rows":[{"PreTaxCost":0.009865586851323632}]}'
    [whole] = reshape(COST.reshape, iter([bytes(page("SubscriptionQueryGrouping").body)]))
    assert [row["ResourceGroup"] for row in json.loads(whole)["rows"]][-1] == "Ssbciotelement01"


def test_a_list_of_deployments_that_may_not_be_read_costs_a_class_and_no_token(
    desk: Callable[[Provider], Any], query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    at_work = desk(PROVIDERS["azure_openai"])
    at_work.site.refusals["/deployments"] = [(403, b'{"error": {"message": "not these"}}', {})] * 9
    assert at_work.run("usage").failures == []
    tiers = query(
        "SELECT DISTINCT service_tier FROM ledger.usage_daily WHERE connection_id = %s", at_work.connection_id
    )
    assert tiers == [("",)]
    assert [text for text in at_work.events("names_missing") if "not these" in text]
