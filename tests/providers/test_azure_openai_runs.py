"""Azure through the whole pipeline: what a run asks, what it believes, and what it says when it may not read."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from kit.azure_sdk import Through, monitor, points_of
from sqlalchemy import Engine

from usage_ledger.airflow.onboarding import readable
from usage_ledger.connections import Connection
from usage_ledger.core import contract_errors, provider_errors
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.model import Fewer
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.rebuild import rebuild
from usage_ledger.pipeline.run import Ran, run_all
from usage_ledger.providers import PROVIDERS
from usage_ledger.sandbox.app import Recorder, running
from usage_ledger.sandbox.azure_openai.api import azure_openai_router
from usage_ledger.sandbox.azure_openai.queries import FAULTS
from usage_ledger.sandbox.azure_openai.truth import FAMILY, AzureTruth
from usage_ledger.storage.landing import landed_folders, landed_pages
from usage_ledger.storage.manifest import manifest_of

NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 17), date(2026, 11, 18)
SECRET = "a-client-secret-of-"
SMALL = AzureTruth(deployments=14)
TENANTS = {
    "whole": SMALL,
    "large": AzureTruth(account="large", subscriptions=1, deployments=40, page=1000),
    "bare": AzureTruth(account="bare", resources=0, deployments=0),
    "paged": AzureTruth(account="paged", page=2),
    **{name: replace(SMALL, account=name) for name in ("cut", "stranger", "other", "elsewhere", "longer", "fewer")},
    **{fault: replace(SMALL, account=fault, faults=frozenset({fault})) for fault in sorted(FAULTS)},
}
OTHER, ELSEWHERE = TENANTS["other"], TENANTS["elsewhere"]
Query = Callable[..., list[tuple[Any, ...]]]


@dataclass
class Desk:
    """Runs connections to the tenants, and knows what was asked and loaded."""

    url: str
    requests: list[str]
    engine: Engine
    query: Query
    root: Path

    def connection(self, name: str, **changed: Any) -> Connection:
        truth = TENANTS[name]
        settings = {**truth.settings, **changed.pop("settings", {})}
        document = {"id": f"azure_{name}", "provider": "azure_openai", "account": truth.account_id, **changed}
        return Connection(settings=settings, **document)

    def client(self, connection: Connection, name: str) -> Client:
        return Client(
            connection.declared,
            base_url=self.url,
            credential=Credential(SECRET + name, connection.settings, host=self.url),
            account=connection.account,
            sleep=lambda _: None,
        )

    def run(self, name: str, *reports: str, first: date = FIRST, **changed: Any) -> Ran:
        connection = self.connection(name, reports=reports or None, **changed)
        self.requests.clear()
        with self.client(connection, name) as client:
            return run_all(connection, Dates(first, LAST), client=client, engine=self.engine, root=self.root, now=NOW)

    def rows(self, name: str) -> int:
        counts = [
            self.query(f"SELECT count(*) FROM ledger.{table} WHERE connection_id = %s", f"azure_{name}")[0][0]
            for table in ("usage_daily", "cost_daily")
        ]
        return sum(counts)

    def landed(self, name: str) -> list[str]:
        return [manifest_of(one).report for one in landed_folders(self.root, "azure_openai", f"azure_{name}")]


@pytest.fixture(scope="module")
def desk(engine: Engine, query: Query, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    app = FastAPI()
    app.include_router(azure_openai_router({SECRET + name: one for name, one in TENANTS.items()}, lambda: NOW))
    requests: list[str] = []
    app.add_middleware(Recorder, requests=requests)
    with running(app) as url:
        yield Desk(url, requests, engine, query, tmp_path_factory.mktemp("raw"))


def test_a_day_of_forty_deployments_in_three_accounts_takes_at_most_24_requests(desk: Desk) -> None:
    ran = desk.run("large", first=LAST - timedelta(days=3))
    assert ran.failures == []
    assert len(desk.requests) <= 24, "\n".join(desk.requests)
    deployments = desk.query(
        "SELECT count(DISTINCT (resource, deployment)) FROM ledger.usage_daily WHERE connection_id = 'azure_large'"
    )
    assert deployments == [(38,)]  # of forty one was deleted before, and one that was never used has no total


def test_lists_and_costs_are_followed_to_their_last_page(desk: Desk) -> None:
    assert desk.run("paged").failures == []
    truth = TENANTS["paged"].expected("cost", FIRST, LAST + timedelta(days=1), now=NOW)
    sums = desk.query(
        "SELECT usage_date, sum(amount) FROM ledger.cost_daily WHERE connection_id = 'azure_paged' GROUP BY 1"
    )
    assert dict(sums) == {day: amounts["amount"] for (day, *_), amounts in truth.items()}
    assert len([one for one in desk.requests if one.startswith("POST") and "skiptoken" in one]) > 10


def test_microsofts_client_would_ask_the_same_and_reads_the_same_bytes_alike(desk: Desk) -> None:
    """The request strings are equal, and so is the ledger with the sums of what Microsoft's deserializer reads."""
    assert desk.run("whole", "usage").failures == []
    folders = {manifest_of(one).report: one for one in landed_folders(desk.root, "azure_openai", "azure_whole")}
    folder = folders["usage"]
    manifest = manifest_of(folder)
    theirs: dict[tuple[date, str, str], int] = {}
    for page, body in landed_pages(folder, manifest, "rows"):
        url = httpx.URL(page.path, params=[(name, str(value)) for name, value in page.parameters])
        through = Through(body=body)
        answer = monitor(through, "t").metrics.list(
            page.labels["resource"].lstrip("/"),
            timespan=url.params["timespan"],
            interval="P1D",
            metricnames=page.labels["metrics"],
            aggregation="Total",
            top=10000,
            filter=page.labels["filter"],
            metricnamespace="Microsoft.CognitiveServices/accounts",
        )
        assert through.urls[0].path == url.path
        assert sorted(through.urls[0].params.multi_items()) == sorted(url.params.multi_items())
        for (metric, _, at), total in points_of(answer).items():
            place = (at.date(), metric, page.labels["resource"].lower())
            theirs[place] = theirs.get(place, 0) + int(total or 0)
    for metric, column, breakdown in (
        ("InputTokens", "input_tokens", ""),
        ("OutputTokens", "output_tokens", ""),
        ("cacheReadInputTokens", "cached_input_tokens", ""),
        ("AudioPromptTokens", "audio_input_tokens", ""),
        ("ModelRequests", "requests", ""),
        ("GeneratedTokens", "output_tokens", FAMILY),
        ("AzureOpenAIRequests", "requests", FAMILY),
    ):
        ours = desk.query(
            f"SELECT usage_date, resource, sum({column}) FROM ledger.usage_daily"
            " WHERE connection_id = 'azure_whole' AND breakdown = %s GROUP BY 1, 2",
            breakdown,
        )
        read = {(day, resource): total for (day, name, resource), total in theirs.items() if name == metric and total}
        assert {(day, resource): total for day, resource, total in ours if total} == read != {}


def test_the_second_family_counts_the_same_and_is_never_added(desk: Desk) -> None:
    desk.run("whole", "usage")
    sums = dict(
        desk.query(
            "SELECT breakdown, sum(output_tokens) FROM ledger.usage_daily"
            " WHERE connection_id = 'azure_whole' AND model LIKE 'gpt%%' GROUP BY 1"
        )
    )
    assert sums[""] == sums[FAMILY] > 0
    mart = desk.query("SELECT sum(output_tokens) FROM marts.daily_usage WHERE connection_id = 'azure_whole'")
    truth = SMALL.expected("usage", FIRST, LAST + timedelta(days=1), now=NOW)
    assert mart == [(sum(one["output_tokens"] for (_, breakdown, _), one in truth.items() if not breakdown),)]


@pytest.mark.parametrize(("fault", "words"), [("metric_error", "InvalidSamplingType"), ("shorter", "was asked for")])
def test_an_answer_that_failed_in_part_is_no_answer(desk: Desk, fault: str, words: str) -> None:
    [failure] = desk.run(fault, "usage").failures
    assert type(failure) is provider_errors.NotWhole
    assert words in failure.what
    assert desk.rows(fault) == 0
    assert "usage" not in desk.landed(fault)


def test_as_many_series_as_were_asked_for_are_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = PROVIDERS["azure_openai"]
    usage = replace(provider.report("usage"), marks=(Fewer("value/*/timeseries", than=11),))
    monkeypatch.setitem(PROVIDERS, "azure_openai", replace(provider, reports=(usage,)))
    [failure] = desk.run("cut", "usage").failures
    assert type(failure) is contract_errors.ContractBroken
    assert "has 11 items, and the provider cuts it at 11" in failure.what
    assert desk.rows("cut") == 0


@pytest.mark.parametrize(
    ("fault", "report", "action", "role"),
    [
        ("no_metrics", "usage", "Microsoft.Insights/metrics/read", "Monitoring Reader"),
        ("no_definitions", "usage", "Microsoft.Insights/metricDefinitions/read", "Monitoring Reader"),
        ("no_costs", "cost", "Microsoft.CostManagement/query/action", "Cost Management Reader"),
    ],
)
def test_an_action_that_the_role_lacks_is_named_by_a_run_and_by_the_check(
    desk: Desk, fault: str, report: str, action: str, role: str
) -> None:
    [failure] = desk.run(fault).failures
    assert type(failure) is provider_errors.NoPermission
    assert failure.report == report
    assert action in failure.what
    assert role in failure.next_step
    assert desk.rows(fault) > 0, "the other report is loaded"
    connection = desk.connection(fault)
    with desk.client(connection, fault) as client:
        access = readable(connection, client, NOW)
    assert action in access.refused[report]
    assert set(access.reports) == {"usage", "cost", "deployments"} - {report}


def test_an_application_without_any_role_is_told_which_page_names_its_rights(desk: Desk) -> None:
    [failure] = desk.run("no_role").failures
    assert type(failure) is provider_errors.WrongAccount
    assert failure.what.endswith("it sees: none")
    assert failure.next_step == "give it the rights that docs/providers/azure_openai.md names, then run again"
    assert desk.landed("no_role") == []


def test_an_account_that_offers_none_of_the_records_metrics_is_told(desk: Desk) -> None:
    assert desk.run("no_models", "usage").failures == []
    first = TENANTS["no_models"].all_resources[0].path
    breakdowns = desk.query(
        "SELECT DISTINCT breakdown FROM ledger.usage_daily WHERE connection_id = 'azure_no_models' AND resource = %s",
        first.lower(),
    )
    assert breakdowns == [(FAMILY,)]
    events = desk.query(
        "SELECT message FROM ops.event WHERE connection_id = 'azure_no_models' AND severity = 'warning'"
    )
    assert len([text for (text,) in events if first in text and "offers none of" in text]) == 2


def test_an_account_that_is_gone_meanwhile_costs_the_others_nothing(desk: Desk) -> None:
    assert desk.run("gone", "usage").failures == []
    gone = TENANTS["gone"].all_resources[1].path
    resources = desk.query("SELECT DISTINCT resource FROM ledger.usage_daily WHERE connection_id = 'azure_gone'")
    assert {one for (one,) in resources} == {
        one.path.lower() for one in TENANTS["gone"].all_resources[:3] if one.path != gone
    }
    events = desk.query("SELECT kind, message FROM ops.event WHERE connection_id = 'azure_gone'")
    assert [message for kind, message in events if kind == "names_missing" and gone in message]


def test_what_an_account_used_stays_once_it_is_no_longer_listed(desk: Desk) -> None:
    assert desk.run("fewer", "usage", "cost").failures == []
    by_resource = "SELECT resource, count(*) FROM ledger.usage_daily WHERE connection_id = 'azure_fewer' GROUP BY 1"
    charges = "SELECT project_id, sum(amount) FROM ledger.cost_daily WHERE connection_id = 'azure_fewer' GROUP BY 1"
    whole, charged = sorted(desk.query(by_resource)), sorted(desk.query(charges))
    one = {"subscriptions": TENANTS["fewer"].all_subscriptions[:1]}
    assert desk.run("fewer", "usage", "cost", settings=one).failures == []
    assert sorted(desk.query(by_resource)) == whole
    assert sorted(desk.query(charges)) == charged
    assert {subscription for subscription, _ in charged} == set(TENANTS["fewer"].all_subscriptions[:2])
    assert {one.path.lower() for one in TENANTS["fewer"].all_resources} >= {name for name, _ in whole}
    assert len({name.split("/")[2] for name, _ in whole}) == 2, "accounts of both subscriptions"


@pytest.mark.parametrize(
    ("name", "changed", "words"),
    [
        ("stranger", {"account": ELSEWHERE.account_id}, f"does not see account {ELSEWHERE.account_id}"),
        (
            "other",
            {"settings": {"subscriptions": (OTHER.all_subscriptions[0], ELSEWHERE.all_subscriptions[0])}},
            f"does not see {ELSEWHERE.all_subscriptions[0]} of account {OTHER.account_id}",
        ),
    ],
)
def test_a_tenant_or_subscription_of_others_is_noticed_before_anything_is_landed(
    desk: Desk, name: str, changed: dict[str, Any], words: str
) -> None:
    [failure] = desk.run(name, **changed).failures
    assert type(failure) is provider_errors.WrongAccount
    assert words in failure.what
    assert desk.landed(name) == []
    assert [one for one in desk.requests if not one.startswith(("GET /subscriptions?", "POST /"))] == []


def test_what_the_secret_opens_is_asked_with_one_token_a_run(desk: Desk) -> None:
    desk.run("whole", "usage")
    assert len([one for one in desk.requests if one.endswith("/oauth2/v2.0/token")]) == 1
    assert "whole" not in json.dumps(desk.requests)


def test_dates_that_monitor_no_longer_keeps_are_never_asked_for(desk: Desk) -> None:
    report = PROVIDERS["azure_openai"].report("usage")
    assert report.reach == timedelta(days=92)
    ran = desk.run("longer", "usage", first=LAST - timedelta(days=40))
    assert ran.failures == []
    spans = {httpx.URL(one.split()[1]).params["timespan"] for one in desk.requests if "/metrics?" in one}
    assert spans == {"2026-10-09T00:00:00Z/2026-11-08T00:00:00Z", "2026-11-08T00:00:00Z/2026-11-19T00:00:00Z"}


def test_a_list_is_asked_for_once_a_run_however_many_windows_it_has(desk: Desk) -> None:
    desk.run("longer", first=LAST - timedelta(days=40))
    lists = [one for one in desk.requests if "/accounts?" in one or "/metricDefinitions?" in one]
    assert len(lists) == len(set(lists)) == 5


def test_a_subscription_without_any_charge_has_no_row(desk: Desk) -> None:
    """Cost Management answers 204, without a body, where there is nothing."""
    for _ in range(2):
        assert desk.run("no_charges").failures == []
    states = desk.query(
        "SELECT report, state, count(*) FROM ops.day WHERE connection_id = 'azure_no_charges' GROUP BY 1, 2 ORDER BY 1"
    )
    assert states == [("cost", "empty", 2), ("usage", "loaded", 2)]


def test_subscriptions_without_an_account_of_models_are_empty(desk: Desk) -> None:
    for _ in range(2):
        assert desk.run("bare", "usage").failures == []
    states = desk.query("SELECT DISTINCT state FROM ops.day WHERE connection_id = 'azure_bare' AND report = 'usage'")
    assert states == [("empty",)]


def test_landed_pages_alone_give_the_same_rows_again(desk: Desk) -> None:
    assert desk.run("whole").failures == []
    before = desk.rows("whole")
    desk.requests.clear()
    again = rebuild(desk.connection("whole"), None, engine=desk.engine, root=desk.root)
    assert again.failures == []
    changes = [changed for *_, outcome in again.loads for changed in outcome.changed.values()]
    assert changes
    assert not any(changes)
    assert desk.rows("whole") == before
    assert desk.requests == []
