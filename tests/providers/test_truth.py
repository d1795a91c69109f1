"""Every provider through the whole pipeline against its stand-in: the ledger equals what is true."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI
from kit.ledger_sums import ledger_sums, without_zeros
from spoiled import of_facts
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import Ran, run_all
from usage_ledger.providers import PROVIDERS
from usage_ledger.sandbox.accounts import STAND_INS
from usage_ledger.sandbox.anthropic.truth import AnthropicTruth
from usage_ledger.sandbox.app import running
from usage_ledger.sandbox.authress.truth import AuthressTruth
from usage_ledger.sandbox.openai.truth import OpenAITruth
from usage_ledger.sandbox.openrouter.truth import OpenRouterTruth
from usage_ledger.sandbox.replicate.truth import ReplicateTruth

NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
DAY = timedelta(days=1)
Query = Callable[..., list[tuple[Any, ...]]]


class Case(NamedTuple):
    """A provider, its key, its invented account, and a connection's zone and dates, both included."""

    provider: str
    key: str
    truth: Any
    zone: str
    first: date
    last: date

    @property
    def id(self) -> str:
        return f"{self.provider}_{self.zone.split('/')[-1].lower()}"


NOVEMBER = (date(2026, 11, 8), date(2026, 11, 19))
CASES = [
    Case("openai", "sk-admin-the-one-that-opens", OpenAITruth(), "UTC", *NOVEMBER),
    Case("anthropic", "sk-ant-admin01-the-one-that-opens", AnthropicTruth(), "UTC", *NOVEMBER),
    Case("openrouter", "sk-or-v1-the-one-that-opens", OpenRouterTruth(), "UTC", *NOVEMBER),
    Case("replicate", "r8_the-one-that-opens", ReplicateTruth(), "UTC", *NOVEMBER),
    Case(
        "replicate",
        "r8_the-other-one-that-opens",
        ReplicateTruth(account="coast"),
        "America/Los_Angeles",
        date(2026, 10, 30),
        date(2026, 11, 3),
    ),
]
CASES += [
    Case(name, f"the-one-that-opens-{name}", stand_in.truth(), "UTC", *NOVEMBER)
    for name, stand_in in STAND_INS.items()
    if name not in {case.provider for case in CASES}
]
LOCAL_DAYS = (date(2026, 11, 10), date(2026, 11, 12))
CASES.append(
    Case("authress", "the-one-that-opens-kathmandu", AuthressTruth(account="hills"), "Asia/Kathmandu", *LOCAL_DAYS)
)
each_case = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    app = FastAPI()
    for provider, stand_in in STAND_INS.items():
        accounts = {case.key: case.truth for case in CASES if case.provider == provider}
        app.include_router(stand_in.router(accounts, lambda: NOW))
    with running(app) as url:
        yield url


@pytest.fixture(scope="module")
def loaded(engine: Engine, base_url: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Ran]:
    """Runs a case once, however many tests look at it."""
    ran: dict[str, Ran] = {}
    root: Path = tmp_path_factory.mktemp("raw")

    def once(case: Case) -> Ran:
        connection = Connection(
            id=case.id,
            provider=case.provider,
            account=case.truth.account_id,
            timezone=case.zone,
            settings=case.truth.settings,
            reports=tuple(reports_of(case)),
        )
        host = base_url + STAND_INS[case.provider].prefix
        with Client(
            connection.declared,
            base_url=host,
            credential=Credential(case.truth.secret(case.key), case.truth.settings, host=host),
            account=connection.account,
            sleep=lambda _: None,
        ) as client:
            return run_all(connection, Dates(case.first, case.last), client=client, engine=engine, root=root, now=NOW)

    return lambda case: ran.get(case.id) or ran.setdefault(case.id, once(case))


def reports_of(case: Case) -> list[str]:
    return [report.name for report in of_facts(PROVIDERS[case.provider])]


@each_case
def test_every_report_comes_through(loaded: Callable[[Case], Ran], case: Case) -> None:
    ran = loaded(case)
    assert ran.failures == []
    assert not ran.held


@each_case
def test_the_ledger_equals_the_truth(loaded: Callable[[Case], Ran], query: Query, case: Case) -> None:
    loaded(case)
    for report in reports_of(case):
        truth = case.truth.expected(report, case.first, case.last + DAY, case.zone, now=NOW)
        assert truth, report
        assert ledger_sums(query, case.id, report) == without_zeros(truth), report


DIMENSIONS = [
    ("openai", "completions", "project_id"),
    ("openai", "completions", "api_key_id"),
    ("openai", "completions", "user_id"),
    ("openai", "completions", "model"),
    ("openai", "completions", "batch"),
    ("openai", "completions", "service_tier"),
    ("openai", "costs", "line_item"),
    ("openai", "costs", "project_id"),
    ("anthropic", "messages", "model"),
    ("anthropic", "messages", "api_key_id"),
    ("anthropic", "messages", "project_id"),
    ("anthropic", "messages", "service_tier"),
    ("anthropic", "messages", "context_window"),
    ("anthropic", "messages_by_user", "user_id"),
    ("anthropic", "cost", "project_id"),
    ("anthropic", "analytics_usage", "user_id"),
    ("anthropic", "analytics_usage", "api_key_id"),
    ("anthropic", "analytics_usage", "speed"),
    ("anthropic", "analytics_cost", "user_id"),
    ("anthropic", "analytics_cost", "api_key_id"),
    ("anthropic", "analytics_cost", "project_id"),
    ("openrouter", "activity", "model"),
    ("openrouter", "activity", "host"),
    ("openrouter", "activity", "project_id"),
    ("openrouter", "activity_by_key", "api_key_id"),
    *(
        ("google_vertex_ai", "billing", column)
        for column in ("project_id", "region", "model", "service_tier", "context_window", "charge_category", "sku_id")
    ),
    ("google_vertex_ai", "billing", "invoice_month"),
    ("google_vertex_ai", "requests", "model"),
    ("google_vertex_ai", "requests", "project_id"),
    ("replicate", "predictions", "model"),
    ("replicate", "predictions", "model_version"),
    ("replicate", "predictions", "status"),
    ("replicate", "predictions", "channel"),
    ("replicate", "predictions", "deployment"),
    ("replicate", "predictions", "accelerator"),
    ("azure_openai", "usage", "deployment"),
    ("azure_openai", "usage", "region"),
    ("azure_openai", "usage", "model"),
    ("azure_openai", "usage", "model_version"),
    ("azure_openai", "usage", "resource"),
    ("azure_openai", "usage", "service_tier"),
    ("azure_openai", "usage", "status"),
    ("azure_openai", "cost", "resource"),
    ("azure_openai", "cost", "line_item"),
    ("aws_bedrock", "usage", "model"),
    ("aws_bedrock", "usage", "variant"),
    ("aws_bedrock", "usage", "region"),
    ("aws_bedrock", "usage", "project_id"),
    ("aws_bedrock", "usage", "operation"),
    ("aws_bedrock", "cost", "category"),
    ("aws_bedrock", "cost", "charge_category"),
]


@pytest.mark.parametrize(("provider", "report", "column"), DIMENSIONS)
def test_the_ledger_equals_the_truth_by_dimension(
    loaded: Callable[[Case], Ran], query: Query, provider: str, report: str, column: str
) -> None:
    for case in CASES:
        if case.provider == provider:
            loaded(case)
            truth = case.truth.expected(report, case.first, case.last + DAY, case.zone, by=column, now=NOW)
            assert len({value for _, _, value in truth}) > 1
            assert ledger_sums(query, case.id, report, column) == without_zeros(truth)
