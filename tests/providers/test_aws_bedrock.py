"""AWS Bedrock against moto, and against its stand-in with what goes wrong at AWS."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from kit.moto_server import ACCOUNT, AwsServer, Point, aws_server
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core import contract_errors, provider_errors
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.rebuild import rebuild
from usage_ledger.pipeline.run import Ran, run_all
from usage_ledger.providers.aws_bedrock_metrics import query_of
from usage_ledger.sandbox.app import running
from usage_ledger.sandbox.aws_bedrock.api import aws_bedrock_router
from usage_ledger.sandbox.aws_bedrock.truth import BedrockTruth
from usage_ledger.sources.source import source_of

pytest.importorskip("botocore", reason="the extra `bedrock` is not installed, so nothing can be signed")
NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, LAST = date(2026, 11, 17), date(2026, 11, 18)
SECRET = "a/secret+of/the+stand-in/0123456789"
Query = Callable[..., list[tuple[Any, ...]]]


class Desk:
    """Runs a connection to an address, into the ledger."""

    def __init__(self, engine: Engine, query: Query, root: Path, name: str) -> None:
        self._engine, self._query, self._root = engine, query, root
        self.name = name

    def connection(self, account: str, settings: dict[str, Any], reports: tuple[str, ...] | None) -> Connection:
        return Connection(id=self.name, provider="aws_bedrock", account=account, settings=settings, reports=reports)

    def run(
        self,
        url: str,
        account: str,
        settings: dict[str, Any],
        *reports: str,
        secret: str = SECRET,
        dates: tuple[date, date] = (FIRST, LAST),
    ) -> Ran:
        stored = {name: value for name, value in settings.items() if name != "session_token"}
        connection = self.connection(account, stored, reports or None)
        with Client(
            connection.declared,
            base_url=url,
            credential=Credential(secret, settings, url),
            account=account,
            sleep=lambda _: None,
        ) as client:
            return run_all(connection, Dates(*dates), client=client, engine=self._engine, root=self._root, now=NOW)

    def rebuild(self, account: str, settings: dict[str, Any]) -> Ran:
        return rebuild(self.connection(account, settings, None), None, engine=self._engine, root=self._root)

    def usage(self) -> dict[tuple[date, str, str, str, str], tuple[int | None, ...]]:
        rows = self._query(
            "SELECT usage_date, region, operation, variant, project_id,"
            " requests, input_tokens, cached_input_tokens, output_tokens"
            " FROM ledger.usage_daily WHERE connection_id = %s",
            self.name,
        )
        return {row[:5]: row[5:] for row in rows}

    def events(self, kind: str) -> list[str]:
        rows = self._query("SELECT message FROM ops.event WHERE connection_id = %s AND kind = %s", self.name, kind)
        return [message for (message,) in rows]

    @property
    def pages(self) -> list[Path]:
        return list(self._root.rglob("page-*.json.zst"))


_numbers = itertools.count(1)


@pytest.fixture
def desk(engine: Engine, query: Query, tmp_path: Path) -> Desk:
    return Desk(engine, query, tmp_path, f"bedrock_{next(_numbers)}")


# Moto


@pytest.fixture(scope="module")
def moto() -> Iterator[AwsServer]:
    with aws_server() as server:
        yield server


SETTINGS = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "regions": ("eu-central-1", "us-east-1")}
MODELS = {
    "AWS/Bedrock": ["eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-lite-v1:0", "a1b2c3d4e5f6"],
    "AWS/BedrockMantle": ["openai.gpt-oss-120b"],
}


def traffic() -> tuple[list[Point], dict[Any, tuple[int | None, ...]]]:
    """Calls of two days in two regions as AWS publishes them, and their sums by what was called.

    One model rests on the first day. Each call is published under several sets of dimensions.
    """
    lots = Random(3)  # noqa: S311 - traffic, no secret
    points: list[Point] = []
    truth: dict[Any, list[int | None]] = {}
    for region in SETTINGS["regions"]:
        for namespace, model, day in ((n, one, d) for n, models in MODELS.items() for one in models for d in (0, 1)):
            if model == "amazon.nova-lite-v1:0" and day == 0:
                continue
            project = {"Project": "proj_1"} if namespace == "AWS/BedrockMantle" else {}
            own = {"Model": model} | project if project else {"ModelId": model}
            sets = [{}, own, {"Model": model}, project] if project else [{}, own, own | {"ServiceTier": "default"}]
            place = (FIRST + day * DAY, region, namespace, model, project.get("Project", ""))
            sums = truth.setdefault(place, [0, 0, None if project else 0, 0])
            for _ in range(4):
                at = datetime(2026, 11, 17, tzinfo=UTC) + timedelta(days=day, minutes=lots.randrange(1440))
                calls, fresh, written = lots.randint(1, 9), lots.randint(100, 90_000_000), lots.randint(1, 9000)
                cached = 0 if project else lots.randint(0, 5000)
                names = ("Inferences", "TotalInputTokens", "TotalOutputTokens")
                names = names if project else ("Invocations", "InputTokenCount", "OutputTokenCount")
                counts = dict(zip(names, (calls, fresh, written), strict=True))
                counts |= {} if project else {"CacheReadInputTokens": cached}
                points += [Point(region, namespace, n, set_, at, v) for set_ in sets for n, v in counts.items()]
                for number, more in enumerate((calls, fresh + cached, cached, written)):
                    sums[number] = None if sums[number] is None else (sums[number] or 0) + more
    return points, {place: tuple(sums) for place, sums in truth.items()}


@pytest.fixture
def of_moto(desk: Desk) -> Desk:
    desk.name = "bedrock_of_moto"  # its account is always the same
    return desk


def test_the_ledger_equals_what_was_put_into_cloudwatch(of_moto: Desk, moto: AwsServer) -> None:
    desk = of_moto
    points, truth = traffic()
    moto.publish(points)
    moto.canned["/inference-profiles?type=APPLICATION&maxResults=1000"] = {"inferenceProfileSummaries": []}
    assert desk.run(moto.url, ACCOUNT, SETTINGS, "usage").failures == []
    assert desk.usage() == truth
    assert len(truth) == 14
    questions = Counter(operation.partition("?")[0] for operation, _, _ in moto.requests)
    assert questions == {"/": 1, "ListMetrics": 4, "GetMetricData": 2, "/inference-profiles": 2}
    assert boto_sums(moto) == sums_by_metric(truth)
    again = desk.rebuild(ACCOUNT, SETTINGS)
    assert (again.failures, desk.usage()) == ([], truth)


def test_a_role_is_assumed_and_reads_the_same(of_moto: Desk, moto: AwsServer) -> None:
    role = {"role_arn": f"arn:aws:iam::{ACCOUNT}:role/usage-ledger", "external_id": "between-the-two-of-us"}
    moto.requests.clear()
    assert of_moto.run(moto.url, ACCOUNT, SETTINGS | role, "usage").failures == []
    [asked] = [body for operation, _, body in moto.requests if "Action=AssumeRole" in body]
    assert "ExternalId=between-the-two-of-us" in asked


def boto_sums(moto: AwsServer) -> dict[tuple[str, str], int]:
    """Input tokens, as asked of our questions by AWS's own client, by region and model."""
    sums: dict[tuple[str, str], int] = {}
    for operation, region, body in list(moto.requests):
        if operation == "GetMetricData":
            asked = json.loads(body)
            times = {name: datetime.fromtimestamp(asked.pop(name), UTC) for name in ("StartTime", "EndTime")}
            answer = moto.client("cloudwatch", region).get_metric_data(**asked, **times)
            assert len(answer["MetricDataResults"]) == len(asked["MetricDataQueries"])
            for result in answer["MetricDataResults"]:
                label = dict(pair.split("=") for pair in result["Label"].split("|"))
                if "Input" in label["metric"]:
                    key = (region, label["model"])
                    sums[key] = sums.get(key, 0) + int(sum(result["Values"]))
    return sums


def sums_by_metric(truth: dict[Any, tuple[int | None, ...]]) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for (_, region, _, model, _), meters in truth.items():
        sums[region, model] = sums.get((region, model), 0) + (meters[1] or 0)
    return sums


def test_a_key_of_another_account_lands_nothing(desk: Desk, moto: AwsServer) -> None:
    [failure] = desk.run(moto.url, "111122223333", SETTINGS).failures
    assert type(failure) is provider_errors.WrongAccount
    assert failure.what == f"the key does not see account 111122223333; it sees: {ACCOUNT}"
    assert desk.pages == []


def test_charges_are_loaded_with_credits_and_taxes_apart(of_moto: Desk, query: Query, moto: AwsServer) -> None:
    desk = of_moto
    moto.canned["GetDimensionValues"] = {"DimensionValues": [{"Value": "Amazon Bedrock", "Attributes": {}}]}
    lines = {
        ("Usage", "EUC1-Nova2.0Lite-input-tokens"): ("0.4127740000", "5503.6533", "1K tokens"),
        ("Credit", "EUC1-Nova2.0Lite-input-tokens"): ("-0.1000000000", "0", "N/A"),
        ("Tax", "NoUsageType"): ("0.0784270600", "0", "N/A"),
    }
    groups = [
        {
            "Keys": list(keys),
            "Metrics": {
                "UnblendedCost": {"Amount": amount, "Unit": "USD"},
                "UsageQuantity": {"Amount": quantity, "Unit": unit},
            },
        }
        for keys, (amount, quantity, unit) in lines.items()
    ]
    days = [
        {
            "TimePeriod": {"Start": str(day), "End": str(day + DAY)},
            "Total": {},
            "Groups": groups if day == LAST else [],
            "Estimated": True,
        }
        for day in (FIRST, LAST)
    ]
    canned = {"results": [{"ResultsByTime": days, "GroupDefinitions": [], "DimensionValueAttributes": []}]}
    httpx.post(f"{moto.url}/moto-api/static/ce/cost-and-usage-results", json=canned).raise_for_status()
    assert desk.run(moto.url, ACCOUNT, SETTINGS, "cost").failures == []
    rows = query(
        "SELECT usage_date, charge_category, category, line_item, model, amount, quantity, unit, currency"
        " FROM ledger.cost_daily WHERE connection_id = %s ORDER BY charge_category DESC",
        desk.name,
    )
    nova = ("Amazon Bedrock", "EUC1-Nova2.0Lite-input-tokens", "Nova2.0Lite")
    assert rows == [
        (LAST, "Usage", *nova, Decimal("0.412774"), Decimal("5503.6533"), "1K tokens", "USD"),
        (LAST, "Tax", "Amazon Bedrock", "NoUsageType", "", Decimal("0.07842706"), 0, "N/A", "USD"),
        (LAST, "Credit", *nova, Decimal("-0.1"), 0, "N/A", "USD"),
    ]
    asked = [json.loads(body) for operation, _, body in moto.requests if operation == "GetCostAndUsage"]
    assert [one["Filter"]["And"][1]["Dimensions"]["Values"] for one in asked] == [[ACCOUNT]]
    assert {region for operation, region, _ in moto.requests if "Cost" in operation} == {"us-east-1"}


# The stand-in


class Site:
    """The stand-in of one account, whose answers to an operation a test may change or refuse."""

    def __init__(self, truth: BedrockTruth) -> None:
        self.truth = truth
        self.changes: dict[str, Callable[[Any], Any]] = {}
        self.refusals: dict[str, list[tuple[int, str, str]]] = {}
        self.requests: list[str] = []
        self.exchanges: list[tuple[str, dict[str, Any], Any]] = []
        """Operation, parameters and answer of each request."""
        self.url = ""

    @property
    def settings(self) -> dict[str, Any]:
        return self.truth.settings | ({"session_token": "a-token"} if self.truth.session_token else {})


@contextmanager
def served(truth: BedrockTruth) -> Iterator[Site]:
    site = Site(truth)
    app = FastAPI()

    @app.middleware("http")
    async def spoil(request: Request, call_next: Any) -> Response:
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2] or request.url.path
        site.requests.append(operation)
        parameters = json.loads(await request.body() or b"null") or dict(request.query_params)
        if site.refusals.get(operation):
            status, code, message = site.refusals[operation].pop(0)
            return Response(json.dumps({"__type": f"com.amazonaws#{code}", "message": message}), status)
        answer = await call_next(request)
        body = b"".join([chunk async for chunk in answer.body_iterator])
        if operation in site.changes and answer.status_code == 200:
            document = json.loads(body, parse_float=Decimal)
            body = json.dumps(site.changes[operation](document), default=float).encode()
        site.exchanges.append((operation, parameters, json.loads(body)))
        return Response(body, answer.status_code, media_type="application/json")

    app.include_router(aws_bedrock_router({SECRET: truth}, lambda: NOW))
    with running(app) as url:
        site.url = url
        yield site


def truth_of(desk: Desk, **changes: Any) -> BedrockTruth:
    """An account of the test's own."""
    return replace(BedrockTruth(account=desk.name, since=date(2026, 8, 1)), **changes)


def run(desk: Desk, site: Site, *reports: str) -> Ran:
    return desk.run(site.url, site.truth.account_id, site.settings, *(reports or ("usage",)))


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"denied": ("cloudwatch:GetMetricData",)}, "NoPermission", ("cloudwatch:GetMetricData", "policy")),
        ({"denied": ("cloudwatch:ListMetrics",)}, "NoPermission", ("cloudwatch:ListMetrics", "policy")),
        (
            {"regions": ("eu-central-1", "eu-south-2"), "disabled": ("eu-south-2",)},
            "BadKey",
            ("region eu-south-2", "not enabled"),
        ),
        ({"session_token": "a-token", "expired": True}, "BadKey", ("is expired", "session token")),
        ({"clock_ahead": timedelta(minutes=9)}, "BadKey", ("Signature expired", "clock")),
        ({"clock_ahead": -timedelta(minutes=9)}, "BadKey", ("Signature", "clock")),
    ],
    ids=["no right to the sums", "no right to the list", "a region", "an old token", "a slow clock", "a fast clock"],
)
def test_what_a_person_must_do_is_said(desk: Desk, change: dict[str, Any], kind: str, words: tuple[str, ...]) -> None:
    truth = truth_of(desk, **change)
    if "disabled" in change:  # the place of STS is no region of the account's
        truth = replace(truth, regions=("eu-central-1", "eu-south-2"), disabled=("eu-south-2",))
        words = ("region eu-south-2", "not enabled")
    with served(truth) as site:
        [failure] = run(desk, site).failures
    assert type(failure).__name__ == kind
    assert [word for word in words if word not in str(failure)] == []
    assert SECRET not in str(failure)
    assert desk.usage() == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"denied": ("cloudwatch:GetMetricData",)}, ("cloudwatch:GetMetricData", "region eu-central-1")),
        ({"denied": ("ce:GetDimensionValues",)}, ("ce:GetDimensionValues",)),
        ({"denied": ("ce:GetCostAndUsage",)}, ("ce:GetCostAndUsage",)),
        ({"disabled": ("eu-south-2",), "regions": ("eu-central-1", "eu-south-2")}, ("region eu-south-2",)),
        ({}, ()),
    ],
    ids=["a right", "the services", "the charges", "the second region", "nothing"],
)
def test_the_check_names_the_right_and_the_region(desk: Desk, change: dict[str, Any], words: tuple[str, ...]) -> None:
    with served(truth_of(desk, **change)) as site:
        connection = desk.connection(site.truth.account_id, site.settings, None)
        credential = Credential(SECRET, site.settings, site.url)
        with Client(
            connection.declared, base_url=site.url, credential=credential, account=connection.account
        ) as client:
            report = "cost" if "ce:" in str(change) else "usage"
            source = source_of(connection, connection.declared.report(report), client)
            if words:
                with pytest.raises(provider_errors.AccessDenied) as refused:
                    source.verify(LAST)
                assert [word for word in words if word not in str(refused.value)] == []
            else:
                source.verify(LAST)
                assert site.requests.count("GetMetricData") == len(site.truth.regions)


@pytest.mark.parametrize(
    "code", ["Throttling", "ThrottlingException", "LimitExceededException", "RequestLimitExceeded"]
)
def test_every_word_for_too_many_requests_is_waited_for(desk: Desk, code: str) -> None:
    with served(truth_of(desk)) as site:
        site.refusals["GetMetricData"] = [(400, code, "Rate exceeded")] * 2
        site.refusals["ListMetrics"] = [(400, code, "Rate exceeded")]
        assert run(desk, site).failures == []
    assert desk.usage()


def changed(**fields: Any) -> Callable[[Any], Any]:
    """The first series says something else of itself."""

    def change(document: Any) -> Any:
        document["MetricDataResults"][0] |= fields
        return document

    return change


SPOILED: dict[str, tuple[Callable[[Any], Any], type[Exception]]] = {
    "a series may not be read": (changed(StatusCode="Forbidden"), provider_errors.NoPermission),
    "a series failed": (changed(StatusCode="InternalError"), provider_errors.NotWhole),
    "a series is not finished at the end": (changed(StatusCode="PartialData"), provider_errors.NotWhole),
    "a message": (lambda answer: answer | {"Messages": [{"Code": "MaxMetricsExceeded"}]}, provider_errors.NotWhole),
    "a series is missing": (
        lambda answer: answer | {"MetricDataResults": answer["MetricDataResults"][1:]},
        provider_errors.NotWhole,
    ),
    "nothing": (lambda _: {}, provider_errors.NotWhole),
    "arrays of two lengths": (changed(Timestamps=[]), contract_errors.Shape),
    "another label": (changed(Label="Invocations Sum"), contract_errors.Shape),
    "half a token": (changed(Timestamps=[1795132800 - 86400 * 3], Values=[918.5]), contract_errors.FractionalCount),
    "another day": (changed(Timestamps=[1795132800], Values=[1.0]), contract_errors.OutOfWindow),
    "an hour": (changed(Timestamps=[1795132800 - 86400 * 3 + 3600], Values=[1.0]), contract_errors.BadBucket),
    "an instant twice": (
        changed(Timestamps=[1795132800 - 86400 * 3] * 2, Values=[1.0, 2.0]),
        contract_errors.ConflictingRows,
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_an_answer_that_is_not_whole_or_not_true_loads_nothing(desk: Desk, name: str) -> None:
    change, kind = SPOILED[name]
    with served(truth_of(desk, regions=("eu-central-1",))) as site:
        site.changes["GetMetricData"] = change
        failures = run(desk, site).failures
    assert failures and {type(failure) for failure in failures} == {kind}
    assert not [place for place in desk.usage() if place[0] == FIRST]


def test_pages_of_few_points_and_partial_data_are_one_answer(desk: Desk) -> None:
    with served(truth_of(desk, points_per_page=7, metrics_per_page=11)) as site:
        assert run(desk, site).failures == []
        assert site.requests.count("GetMetricData") > 8
    assert input_tokens(desk) == tokens_of(truth_of(desk))


def input_tokens(desk: Desk) -> int:
    return sum(meters[1] or 0 for meters in desk.usage().values())


def tokens_of(truth: BedrockTruth, first: date = FIRST, last: date = LAST) -> int:
    totals = truth.expected("usage", first, last + DAY, now=NOW)
    return int(sum(amounts["input_tokens"] for amounts in totals.values()))


def test_tokens_under_both_names_count_once_and_that_is_noted(desk: Desk) -> None:
    truth = truth_of(desk, both_spellings=True)
    with served(truth) as site:
        assert run(desk, site).failures == []
    assert input_tokens(desk) == tokens_of(truth)
    [note] = desk.events("other_name")
    assert note.startswith("4 rows repeat a figure under another name")


def without(answer: Any, model: str) -> Any:
    """A list of metrics without those of a model."""
    return answer | {"Metrics": [one for one in answer["Metrics"] if not model or model not in json.dumps(one)]}


def without_qwen(answer: Any) -> Any:
    return without(answer, "qwen")


def test_a_metric_that_came_or_went_changes_no_other(desk: Desk) -> None:
    with served(truth_of(desk)) as site:
        site.changes["ListMetrics"] = without_qwen
        assert run(desk, site).failures == []
        fewer = input_tokens(desk)
        site.changes.clear()
        assert run(desk, site).failures == []
    assert fewer < input_tokens(desk) == tokens_of(truth_of(desk))


def test_a_window_older_than_the_list_holds_models_at_rest_and_loses_none(desk: Desk) -> None:
    truth, days = truth_of(desk), (date(2026, 10, 25), date(2026, 10, 27))
    with served(truth) as site:
        assert desk.run(site.url, truth.account_id, site.settings, "usage", dates=days).failures == []
        assert {region for _, region, _, model, _ in desk.usage() if "instant" in model} == set(truth.regions)
        whole = desk.usage()
        assert input_tokens(desk) == tokens_of(truth, *days)
    with served(replace(truth, denied=("bedrock:ListFoundationModels", "bedrock:ListInferenceProfiles"))) as site:
        assert desk.run(site.url, truth.account_id, site.settings, "usage", dates=days).failures == []
    assert desk.usage() == whole, "what was not asked for stays"
    assert [one for one in desk.events("names_missing") if "bedrock:ListFoundationModels" in one]


def test_a_metric_that_rests_is_still_asked_for_while_its_model_is_listed(desk: Desk) -> None:
    truth, days = truth_of(desk), (date(2026, 10, 25), date(2026, 10, 27))
    with served(truth) as site:
        assert desk.run(site.url, truth.account_id, site.settings, "usage", dates=days).failures == []
    whole = desk.usage()
    assert any(cached for _, _, cached, _ in whole.values())
    with served(replace(truth, denied=("bedrock:ListFoundationModels", "bedrock:ListInferenceProfiles"))) as site:
        site.changes["ListMetrics"] = lambda answer: without(answer, "CacheRead")
        assert desk.run(site.url, truth.account_id, site.settings, "usage", dates=days).failures == []
    assert desk.usage() == whole


def test_a_model_that_is_listed_in_one_region_alone_keeps_the_rows_of_the_others(desk: Desk) -> None:
    truth = truth_of(desk)
    with served(truth) as site:
        assert run(desk, site).failures == []
        whole = desk.usage()
        names = iter(("", "", "nova-lite", "gpt-oss"))  # region by region; each lacks one in the second
        site.changes["ListMetrics"] = lambda answer: without(answer, next(names))
        assert run(desk, site).failures == []
    assert desk.usage() == whole


def test_the_rows_of_a_model_that_is_asked_for_and_has_no_points_any_more_go(desk: Desk) -> None:
    def blank(answer: Any) -> Any:
        return answer | {
            "MetricDataResults": [
                one | ({"Timestamps": [], "Values": []} if "qwen" in one["Label"] else {})
                for one in answer["MetricDataResults"]
            ]
        }

    with served(truth_of(desk)) as site:
        assert run(desk, site).failures == []
        others = {place: row for place, row in desk.usage().items() if "qwen" not in place[3]}
        assert len(others) < len(desk.usage())
        site.changes["GetMetricData"] = blank
        assert run(desk, site).failures == []
    assert desk.usage() == others


def test_an_account_without_any_metric_has_empty_dates(desk: Desk, query: Query) -> None:
    with served(truth_of(desk, since=date(2027, 1, 1))) as site:
        assert run(desk, site).failures == []
    states = query("SELECT DISTINCT state FROM ops.day WHERE connection_id = %s AND report = 'usage'", desk.name)
    assert states == [("empty",)]


def test_three_regions_of_four_hundred_metrics_take_nine_requests_and_one_for_the_account(desk: Desk) -> None:
    truth = truth_of(desk, regions=("eu-central-1", "us-east-1", "us-west-2"), more_models=85)
    with served(truth) as site:
        assert run(desk, site).failures == []
        assert Counter(site.requests) == {"ListMetrics": 6, "GetMetricData": 3, "/": 1, "/inference-profiles": 3}
        listed = [len(answer["Metrics"]) for operation, _, answer in site.exchanges if operation == "ListMetrics"]
        assert sum(listed) > 3 * 400
    assert len(desk.usage()) > 500


def test_names_of_application_profiles_are_in_the_ledger(desk: Desk, query: Query) -> None:
    truth = truth_of(desk)
    with served(truth) as site:
        assert run(desk, site, "usage", "inference_profiles").failures == []
    names = query("SELECT kind, id, name FROM ledger.name WHERE connection_id = %s ORDER BY name", desk.name)
    assert sorted(names) == [
        (kind, truth.application_profile(region), name)
        for kind in ("inference_profile", "model")
        for name, region in sorted((f"support-bot-{region}-v2", region) for region in truth.regions)
    ]
    profiles = [truth.application_profile(region) for region in truth.regions]
    assert query("SELECT DISTINCT family FROM ledger.model WHERE model = ANY (%s)", profiles) == [
        ("claude-sonnet-4-5",)
    ]


def test_the_right_to_list_profiles_costs_no_figure(desk: Desk) -> None:
    with served(truth_of(desk, denied=("bedrock:ListInferenceProfiles",))) as site:
        ran = run(desk, site, "usage", "inference_profiles")
    assert [failure for failure in ran.failures if not failure.harmless] == []
    assert input_tokens(desk) == tokens_of(truth_of(desk))


# Questions


def test_one_set_of_dimensions_is_asked_for_and_a_label_that_would_be_changed_is_refused() -> None:
    def metric(namespace: str, name: str, **labels: str) -> dict[str, Any]:
        dimensions = [{"Name": key, "Value": value} for key, value in labels.items()]
        return {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}

    question = query_of(metric("AWS/BedrockMantle", "Inferences", Project="p", Model="m"), 7)
    assert question is not None
    assert (question["Id"], question["Label"]) == (
        "m7",
        "namespace=AWS/BedrockMantle|model=m|project=p|metric=Inferences",
    )
    assert question == query_of(metric("AWS/BedrockMantle", "Inferences", Model="m", Project="p"), 7)
    for other in (
        metric("AWS/Bedrock", "Invocations"),
        metric("AWS/Bedrock", "Invocations", ModelId="m", ServiceTier="flex"),
        metric("AWS/Bedrock", "ModelInvocationLogsS3DeliverySuccess", ModelId="Across all model IDs"),
        metric("AWS/BedrockMantle", "Inferences", Model="m"),
        metric("AWS/Bedrock", "EstimatedTPMQuotaUsage", ModelId="m"),
    ):
        assert query_of(other, 0) is None
    for name in ("${LABEL}", "a|metric=Invocations"):
        with pytest.raises(ValueError, match="come back"):
            query_of(metric("AWS/Bedrock", "Invocations", ModelId=name), 0)


# Descriptions


OPERATIONS = {
    "ListMetrics": ("cloudwatch", "ListMetrics"),
    "GetMetricData": ("cloudwatch", "GetMetricData"),
    "GetDimensionValues": ("ce", "GetDimensionValues"),
    "GetCostAndUsage": ("ce", "GetCostAndUsage"),
    "/inference-profiles": ("bedrock", "ListInferenceProfiles"),
    "/foundation-models": ("bedrock", "ListFoundationModels"),
}
LISTS_IN_WORDS = {"MetricDataQueries": 500, "GroupBy": 2}
"""Limits that AWS's descriptions give in their text alone."""


def problems(shape: Any, value: Any, place: str) -> Iterator[str]:
    """What of a value a description in botocore does not allow: names, types, enumerations, patterns, lengths."""
    kinds: dict[str, Any] = {
        "structure": dict,
        "map": dict,
        "list": list,
        "string": str,
        "integer": int,
        "boolean": bool,
        "double": float,
        "timestamp": int | float | str,
    }
    if not isinstance(value, kinds[shape.type_name]):
        yield f"{place} is {value!r}, no {shape.type_name}"
        return
    limits = shape.metadata
    size = len(value) if isinstance(value, str | list) else value if isinstance(value, int) else None
    most = limits.get("max", LISTS_IN_WORDS.get(place.rpartition(".")[2]))
    if size is not None and not limits.get("min", 0) <= size <= (size if most is None else most):
        yield f"{place} is {size}, not {limits.get('min', 0)} to {most}"
    if isinstance(value, str):
        if limits.get("enum") and value not in limits["enum"]:
            yield f"{place} is {value!r}, none of {limits['enum']}"
        if "pattern" in limits and not re.search(limits["pattern"], value):
            yield f"{place} is {value!r}, not {limits['pattern']}"
    if shape.type_name == "list":
        for item in value:
            yield from problems(shape.member, item, place)
    if shape.type_name == "map":
        for key, item in value.items():
            yield from problems(shape.key, key, place)
            yield from problems(shape.value, item, f"{place}.{key}")
    if shape.type_name == "structure":
        names = {one.serialization.get("name", name): one for name, one in shape.members.items()}
        missing = {shape.members[one].serialization.get("name", one) for one in shape.required_members} - value.keys()
        yield from (f"{place}.{name} is missing" for name in missing)
        yield from (f"{place}.{name} is not described" for name in value.keys() - names.keys())
        for name in value.keys() & names.keys():
            yield from problems(names[name], value[name], f"{place}.{name}")


def test_every_question_and_answer_is_as_aws_describes_it(desk: Desk) -> None:
    import botocore.session

    session = botocore.session.get_session()
    with served(truth_of(desk)) as site:
        run(desk, site, "usage", "cost", "inference_profiles")
        days = (date(2026, 10, 25), date(2026, 10, 27))
        desk.run(site.url, site.truth.account_id, site.settings, "usage", dates=days)
    described: set[str] = set()
    for operation, parameters, answer in site.exchanges:
        if operation == "/":
            continue
        described.add(operation)
        service, name = OPERATIONS[operation]
        model = session.get_service_model(service).operation_model(name)
        if operation.startswith("/"):
            parameters = {key: int(value) if key == "maxResults" else value for key, value in parameters.items()}
        assert sorted(problems(model.input_shape, parameters, name)) == []
        assert sorted(problems(model.output_shape, answer, name)) == []
    assert described == set(OPERATIONS)


def test_what_is_not_described_would_be_seen() -> None:
    import botocore.session

    model = botocore.session.get_session().get_service_model("cloudwatch").operation_model("GetMetricData")
    asked = {"StartTime": 1, "EndTimes": 2, "ScanBy": "Ascending", "MetricDataQueries": [{"Id": "", "Label": 7}] * 501}
    found = " ".join(problems(model.input_shape, asked, "GetMetricData"))
    for words in ("EndTimes is not described", "none of", "Label is 7", "501, not 0 to 500", "Id is 0, not 1"):
        assert words in found
