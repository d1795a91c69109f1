"""Google Vertex AI: what a SKU's text says, the export through BigQuery, late rows, and what a person is told."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from kit.bigquery_emulator import BigQuery, bigquery
from kit.google_export import FIELDS, front, read_by_google
from sqlalchemy import Engine

from usage_ledger.airflow.onboarding import readable
from usage_ledger.connections import Connection, connection_from
from usage_ledger.core import contract_errors, errors, provider_errors
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import Ran, run_all
from usage_ledger.providers import google_vertex_skus as skus
from usage_ledger.providers.google_vertex_ai import GOOGLE_VERTEX_AI
from usage_ledger.providers.google_vertex_sql import BILLED, EXPORTED, OWNERS
from usage_ledger.sandbox.app import running
from usage_ledger.sandbox.google_vertex_ai.api import google_vertex_ai_router
from usage_ledger.sandbox.google_vertex_ai.queries import REFUSALS
from usage_ledger.sandbox.google_vertex_ai.truth import GoogleVertexAITruth
from usage_ledger.warehouse.engine import transaction

KEY = "key-of-the-invented-service-account"
NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
DAY = timedelta(days=1)
Query = Callable[..., list[tuple[Any, ...]]]
FLASH, PRO = "gemini-2.5-flash", "gemini-3.0-pro"
GARDEN = "Cloud Vertex AI Model Garden Model as a Service"
CLAUDE = "AI Dev Tools: Claude Opus 4.8"
# Texts of Google's price list, as public price tools and articles quote them, and what each says to a reader.
TEXTS = [
    ("Gemini 2.5 Flash GA Text Input - Predictions", FLASH, "input"),
    (" Gemini 2.5 Flash  Ga Audio Input - Predictions", FLASH, "input audio"),
    ("Gemini 2.5 Flash GA Video Input Priority - Predictions", FLASH, "input priority"),
    ("Gemini 2.5 Flash GA Thinking Text Output - Predictions", FLASH, "output thinking"),
    ("Gemini 2.5 Flash Text Output (Thinking On) - Batch Predictions", FLASH, "output thinking batch"),
    ("Gemini 2.5 Flash GA Input Text Caching", FLASH, "cached"),
    ("Gemini 2.5 Pro Input Text Caching (Long)", "gemini-2.5-pro", "cached long"),
    ("Gemini 2.5 Flash Input Text Caching Storage", FLASH, "other"),
    ("Gemini 3 Flash Text Input Caching", "gemini-3-flash", "cached"),
    ("Gemini 3 Flash Image Input Caching Priority", "gemini-3-flash", "cached image priority"),
    ("Gemini 3 Flash Text Input Flex - Predictions", "gemini-3-flash", "input flex"),
    ("Gemini 3 Flash Text Input Caching Storage", "gemini-3-flash", "other"),
    ("Gemini 3.0 Pro Text Input (Long) - Predictions", PRO, "input long"),
    ("Gemini 3.0 Pro Text Output (Long) - Predictions", PRO, "output long"),
    ("Gemini 3.1 Flash Lite Global Audio Input - Predictions", "gemini-3.1-flash-lite", "input audio"),
    ("Gemini 3.1 Flash Image Text Output - Predictions", "gemini-3.1-flash-image", "output"),
    ("Gemini 3.5 Flash Regional Text Output - Predictions", "gemini-3.5-flash", "output"),
    ("Gemini 3.8 Flash Cyber Global Text Input Caching Offpeak", "gemini-3.8-flash-cyber", "cached offpeak"),
    ("Gemini 1.5 Flash Input tokens", "gemini-1.5-flash", "input"),
    ("Gemini 1.5 Flash Text Input - Predictions", "gemini-1.5-flash", "characters"),
    ("GEMINI 1.5 FLASH OUTPUT TOKENS", "gemini-1.5-flash", "output"),
    ("Gemini Embedding 001 Input character", "gemini-embedding-001", "characters"),
    ("Translation LLM Input Characters", "translation-llm", "characters"),
    ("Llama 4 Scout Batch Input Token", "llama-4-scout", "input batch"),
    ("Llama 4 Maverick Input tokens", "llama-4-maverick", "input"),
    (f"{GARDEN} Llama 4 Maverick Output tokens", "llama-4-maverick", "output"),
    (f"{GARDEN} Qwen3-Next-80b-A3B-Instruct Input Token", "qwen3-next-80b-a3b-instruct", "input"),
    (f"{CLAUDE} Input Tokens (Long)", "claude-opus-4.8", "input long"),
    (f"{CLAUDE} Input Cache Read Tokens", "claude-opus-4.8", "cached"),
    (f"{CLAUDE} Input Cache Write Tokens (Long and TTL 300 seconds)", "claude-opus-4.8", "written long"),
    (f"{CLAUDE} Output Tokens", "claude-opus-4.8", "output"),
    ("Imagen 4 fast Generation (output)", "imagen-4", "images"),
    ("Semantic Ranker API Ranking Requests", "", "other"),
    ("Custom Training n1-standard-4 running in us-central1", "", "other"),
    ("Spot Custom Prediction n1-highmem-8 running in europe-west1", "", "other"),
    ("Vertex AI: Provisioned Throughput 1 month", "", "other"),
    ("Veo Generation 720p with Audio", "", "other"),
    ("Lyria 3 Audio Ouptut - Predictions", "", "other"),
    ("Grounding with Google Search on Gemini 3", "", "other"),
    ("Large Text Embedding Model - Predictions", "", ""),
    ("Gemini 9 Hologram Projection", "", ""),
    ("Input tokens", "", ""),
    ("Gemini 1.5 Flash Input bytes", "", ""),
]
COLUMNS = {
    "input": "input_tokens",
    "cached": "input_tokens cached_input_tokens",
    "written": "input_tokens cache_write_tokens",
    "output": "output_tokens",
    "output thinking": "output_tokens reasoning_tokens",
    "input audio": "input_tokens audio_input_tokens",
    "cached image": "input_tokens cached_input_tokens image_input_tokens cached_image_input_tokens",
    "characters": "characters",
    "images": "images",
}
METERS = {meter.column: meter.where for meter in GOOGLE_VERTEX_AI.report("billing").row_sets[0].meters}


def words_of(text: str) -> str:
    """What the statement makes of a text; that it does, the emulator shows below."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")


def parsed(rules: Any, text: str) -> str | None:
    return next((found.expand(one.value) for one in rules if (found := re.fullmatch(one.pattern, text))), None)


@pytest.mark.parametrize(("text", "model", "says"), TEXTS, ids=[words_of(text) for text, _, _ in TEXTS])
def test_a_text_of_the_price_list_says_what_a_reader_reads(text: str, model: str, says: str) -> None:
    words = words_of(text)
    classes = {word for word in says.split() if word in ("priority", "flex", "offpeak", "batch", "long")}
    kind = " ".join(word for word in says.split() if word not in classes)
    assert parsed(skus.MODELS, words) == (model or None)
    filled = {column for column, where in METERS.items() if where.matches(f"regular count {words}")}
    assert filled == set(COLUMNS.get(kind, "").split())
    assert parsed(skus.TIERS, words) == next(iter(classes - {"batch", "long"}), None)
    assert (parsed(skus.BATCH, words) == "true") is ("batch" in classes)
    assert (parsed(skus.CONTEXTS, words) == "long") is ("long" in classes)
    counted, known = (
        re.fullmatch(pattern, f"regular count {words}") is not None for pattern in (skus.COUNTED, skus.OTHER_ROWS)
    )
    assert (counted, known) == (kind in COLUMNS, kind == "other")
    assert (parsed(skus.KINDS, words) is None) is (says == "")


@pytest.mark.parametrize("unit", ["h", "mo", "requests", "k{char}", ""])
def test_another_unit_is_no_token_and_is_reported_unless_its_text_is_of_such_a_kind(unit: str) -> None:
    row = f"regular {unit} gemini-2.5-flash-ga-text-input-predictions"
    assert not any(where.matches(row) for where in METERS.values())
    assert not re.fullmatch(skus.OTHER_ROWS, row)
    assert re.fullmatch(skus.OTHER_ROWS, f"regular {unit} gemini-2.5-flash-input-text-caching-storage")


@pytest.mark.parametrize("cost_type", ["tax", "adjustment", "rounding_error"])
def test_only_regular_rows_count(cost_type: str) -> None:
    row = f"{cost_type} count gemini-2.5-flash-ga-text-input-predictions"
    assert not any(where.matches(row) for where in METERS.values())
    assert re.fullmatch(skus.OTHER_ROWS, row)


class Ledger:
    """A connection to an invented account, served by a stand-in whose clock a test sets."""

    def __init__(self, truth: GoogleVertexAITruth, url: str, engine: Engine, query: Query, root: Path) -> None:
        self.truth, self.url, self.engine, self.query, self.root = truth, url, engine, query, root
        self.id = f"vertex_{truth.account}".replace("-", "_")

    def connection(self, **settings: Any) -> Connection:
        document = {"provider": "google_vertex_ai", "account": self.truth.account_id, **settings}
        named = {name: [*value] if isinstance(value, tuple) else value for name, value in self.truth.settings.items()}
        return connection_from(self.id, {**document, "settings": named}, f"{self.id}.yaml")

    def client(self) -> Client:
        return Client(
            GOOGLE_VERTEX_AI,
            base_url=self.url,
            credential=Credential(self.truth.secret(KEY), host=self.url),
            account=self.truth.account_id,
            sleep=lambda _: None,
        )

    def run(self, first: date, last: date, now: datetime, *, heal: bool = False, **settings: Any) -> Ran:
        with self.client() as client:
            return run_all(
                self.connection(**settings),
                Dates(first, last, heal=heal),
                client=client,
                engine=self.engine,
                root=self.root,
                now=now,
            )

    def read_at(self, now: datetime) -> None:
        """Let what the ledger holds have been read at that time: a run takes the machine's clock for it."""
        with transaction(self.engine) as cursor:
            cursor.execute("UPDATE ops.day SET fetched_at = %s WHERE connection_id = %s", (now, self.id))

    def totals(self, column: str, day: date) -> Decimal | int:
        table = "cost_daily" if column == "amount" else "usage_daily"
        [(total,)] = self.query(
            f"SELECT coalesce(sum({column}), 0) FROM ledger.{table}"
            " WHERE connection_id = %s AND usage_date = %s AND breakdown = ''",
            self.id,
            day,
        )
        return total

    def events(self, kind: str) -> list[str]:
        rows = self.query(
            "SELECT message FROM ops.event WHERE connection_id = %s AND kind = %s ORDER BY 1", self.id, kind
        )
        return [message for (message,) in rows]


class Site:
    """A stand-in of one account, its clock, and the requests that came."""

    def __init__(self, truth: GoogleVertexAITruth) -> None:
        self.truth, self.now = truth, NOW
        self.app = FastAPI()
        self.app.include_router(google_vertex_ai_router({KEY: truth}, lambda: self.now))
        self.requests: list[str] = []

        @self.app.middleware("http")
        async def note(request: Any, call_next: Any) -> Any:
            self.requests.append(f"{request.method} {request.url.path.split('/job_')[0]}")
            return await call_next(request)


@pytest.fixture
def ledger(engine: Engine, query: Query, tmp_path: Path) -> Iterator[Callable[..., tuple[Ledger, Site]]]:
    contexts: list[Any] = []

    def make(account: str, **oddities: Any) -> tuple[Ledger, Site]:
        truth = GoogleVertexAITruth(account=account, **oddities)
        site = Site(truth)
        context = running(site.app)
        url = context.__enter__()
        contexts.append(context)
        return Ledger(truth, url, engine, query, tmp_path), site

    yield make
    for context in contexts:
        context.__exit__(None, None, None)


QUERIES = "POST /bigquery/v2/projects/{}-billing/queries"


def test_late_rows_of_old_dates_are_found_by_when_they_were_exported(
    ledger: Callable[..., tuple[Ledger, Site]],
) -> None:
    one, site = ledger("late")
    first, used = date(2026, 11, 3), date(2026, 11, 5)
    site.now = datetime(2026, 11, 18, 12, tzinfo=UTC)
    assert one.run(first, date(2026, 11, 17), site.now, lookback_days=1).failures == []
    before = one.totals("input_tokens", used)
    one.read_at(site.now)
    site.now, site.requests[:] = NOW, []
    assert one.run(date(2026, 11, 19), date(2026, 11, 19), NOW, heal=True, lookback_days=1).failures == []
    assert one.totals("input_tokens", used) == before - 17
    assert one.query(
        "SELECT DISTINCT usage_date FROM ops.restatement WHERE connection_id = %s AND usage_date < '2026-11-17'", one.id
    ) == [(used,)]
    # Whose account it is, which dates got rows, the newest dates, and the one that got some.
    assert site.requests == ["POST /token", *[QUERIES.format("late")] * 4]
    one.read_at(NOW)
    site.requests.clear()
    site.now = NOW + timedelta(hours=1)
    assert one.run(date(2026, 11, 19), date(2026, 11, 19), site.now, heal=True, lookback_days=1).failures == []
    assert site.requests == ["POST /token", *[QUERIES.format("late")] * 3]  # once is enough


def test_a_run_goes_on_where_the_question_about_late_rows_is_refused(
    ledger: Callable[..., tuple[Ledger, Site]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from usage_ledger.sandbox.google_vertex_ai import api, queries

    one, _ = ledger("untold")
    first, last = date(2026, 11, 18), date(2026, 11, 19)
    assert one.run(first, first, NOW).failures == []
    answer_of = api.answer_of

    def refused(account: Any, job: Any, now: datetime) -> Any:
        if "exported_at" in job.columns:
            raise queries.refusal(*REFUSALS["bytes"])
        return answer_of(account, job, now)

    monkeypatch.setattr(api, "answer_of", refused)
    assert one.run(last, last, NOW, heal=True).failures == []
    assert one.totals("amount", last) > 0
    [message] = one.events("late_rows_unknown")
    assert "limit for bytes billed" in message


def test_a_day_of_one_project_takes_three_requests(ledger: Callable[..., tuple[Ledger, Site]]) -> None:
    one, site = ledger("daily")
    for day in (18, 19):
        site.now = datetime(2026, 11, day + 1, 9, tzinfo=UTC)
        site.requests.clear()
        ran = one.run(date(2026, 11, day), date(2026, 11, day), site.now, heal=True)
        assert ran.failures == []
        assert [window.days for _, window, _ in ran.loads] == [36]
    assert site.requests == ["POST /token", *[QUERIES.format("daily")] * 3]


def test_a_sku_that_no_rule_knows_has_its_cost_and_no_tokens_and_is_reported(
    ledger: Callable[..., tuple[Ledger, Site]],
) -> None:
    day = date(2026, 11, 18)
    one, _ = ledger("unknown", unknown_since=day)
    assert one.run(day, day, NOW).failures == []
    truth = one.truth.expected("billing", day, day + DAY, now=NOW)[day, "", ""]
    assert {column: one.totals(column, day) for column in truth} == truth
    rows = one.query(
        "SELECT model, usage_type, amount > 0 FROM ledger.cost_daily WHERE connection_id = %s AND sku_id = %s",
        one.id,
        "A1B2-0000-0099",
    )
    assert rows == [("", "", True)]
    [message] = one.events("unknown_value")
    assert "gemini-9-hologram-projection" in message
    assert message.endswith("left out of `usage_daily`")
    assert one.run(day, day, NOW).failures == []
    assert len(one.events("unknown_value")) == 1


def test_a_job_is_waited_for_and_read_to_its_last_page(ledger: Callable[..., tuple[Ledger, Site]]) -> None:
    day = date(2026, 11, 18)
    one, site = ledger("paged", polls=2, page_rows=20)
    assert one.run(day, day, NOW).failures == []
    truth = one.truth.expected("billing", day, day + DAY, now=NOW)[day, "", ""]
    assert {column: one.totals(column, day) for column in truth} == truth
    assert [request.startswith("GET") for request in site.requests] == [False] * 3 + [True] * 3


STEPS = {
    "table": (provider_errors.NoPermission, "roles/bigquery.dataViewer"),
    "hidden": (provider_errors.NoPermission, "correct the settings `billing_table` and `location`, or grant"),
    "job": (provider_errors.NoPermission, "roles/bigquery.jobUser"),
    "throttle": (provider_errors.RateLimited, ""),
    "quota": (provider_errors.RateLimited, ""),
    "jobs": (provider_errors.RateLimited, ""),
    "bytes": (provider_errors.BadRequest, "fewer dates at once"),
    "absent": (provider_errors.BadRequest, "has its table some hours later"),
}


@pytest.mark.parametrize("refusal", STEPS)
def test_what_refuses_a_query_says_what_to_do(ledger: Callable[..., tuple[Ledger, Site]], refusal: str) -> None:
    assert STEPS.keys() == REFUSALS.keys()
    one, _ = ledger(f"refused-{refusal}", refusal=refusal)
    [failure] = one.run(date(2026, 11, 18), date(2026, 11, 18), NOW).failures
    kind, step = STEPS[refusal]
    assert type(failure) is kind
    assert step in failure.next_step
    assert one.totals("amount", date(2026, 11, 18)) == 0
    if kind is provider_errors.NoPermission:
        with one.client() as client:
            said = readable(one.connection(), client, NOW).refused["billing"]
        assert step in said
        assert ("bigquery.jobs.create" if refusal == "job" else "permission to query table") in said


def test_a_dataset_of_another_location_is_told(ledger: Callable[..., tuple[Ledger, Site]]) -> None:
    one, _ = ledger("elsewhere")
    connection = one.connection()
    changed = connection.model_copy(update={"settings": {**connection.settings, "location": "US"}})
    one.connection = lambda **_: changed  # type: ignore[method-assign]
    [failure] = one.run(date(2026, 11, 18), date(2026, 11, 18), NOW).failures
    assert type(failure) is provider_errors.BadRequest
    assert "another location" in failure.next_step


def test_an_answer_with_errors_is_refused_and_none_of_another_account_is_landed(
    ledger: Callable[..., tuple[Ledger, Site]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from usage_ledger.sandbox.google_vertex_ai import api

    one, _ = ledger("spoiled")
    day, page = date(2026, 11, 18), api._page
    broken = {"errors": [{"reason": "invalidQuery", "message": "no such column"}], "rows": []}
    monkeypatch.setattr(api, "_page", lambda *given: page(*given) | (broken if len(page(*given)["rows"]) > 1 else {}))
    [failure] = one.run(day, day, NOW).failures
    assert type(failure) is contract_errors.ContractBroken
    assert "no such column" in failure.what
    monkeypatch.setattr(api, "_page", page)
    assert one.run(day, day, NOW).failures == []
    foreign = replace(one.truth, account="other-spoiled").account_id
    answer_of = api.answer_of
    monkeypatch.setattr(
        api,
        "answer_of",
        lambda *given: [row | {"billing_account_id": foreign} if "cost" in row else row for row in answer_of(*given)],
    )
    [failure] = one.run(day, day, NOW).failures
    assert type(failure) is provider_errors.WrongAccount
    assert foreign in failure.what


def test_a_table_without_rows_yet_does_not_tell_whose_it_is_and_is_no_empty_day(
    ledger: Callable[..., tuple[Ledger, Site]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from usage_ledger.sandbox.google_vertex_ai import api

    one, _ = ledger("waiting")
    page = api._page
    empty = {"rows": [{"f": [{"v": None}]}]}
    monkeypatch.setattr(
        api,
        "_page",
        lambda call, job, *given: (
            {name: value for name, value in page(call, job, *given).items() if name != "rows"}
            | ({"totalRows": "0"} if "GROUP BY" in job.statement else empty)
        ),
    )
    [failure] = one.run(date(2026, 11, 18), date(2026, 11, 18), NOW).failures
    assert isinstance(failure, contract_errors.ContractBroken)
    assert one.events("account_not_told") != []


def test_monitoring_counts_the_same_traffic_as_a_breakdown_when_it_is_asked_for(
    ledger: Callable[..., tuple[Ledger, Site]],
) -> None:
    first, last = date(2026, 11, 17), date(2026, 11, 18)
    one, _ = ledger("monitored")
    assert one.run(first, last, NOW, reports=["requests"]).failures == []
    rows = one.query(
        "SELECT usage_date, breakdown, model, sum(input_tokens), sum(output_tokens), sum(requests)"
        " FROM ledger.usage_daily WHERE connection_id = %s GROUP BY 1, 2, 3",
        one.id,
    )
    truth = one.truth.expected("requests", first, last + DAY, by="model", now=NOW)
    found = {
        (day, breakdown, model): {
            name: value
            for name, value in zip(("input_tokens", "output_tokens", "requests"), values, strict=True)
            if value
        }
        for day, breakdown, model, *values in rows
    }
    assert found == truth
    assert "requests" not in {report.name for report in one.connection().chosen_reports}


@pytest.mark.parametrize(
    "table", ["a.b", "a.b.c`", "project-1.billing.t WHERE 1=1 --", "project-1.billing.t;DROP", "project-1.bill-ing.t"]
)
def test_only_a_table_may_be_named_in_the_statement(table: str) -> None:
    with pytest.raises(errors.ConfigError, match="billing_table"):
        connection_from(
            "x",
            {
                "provider": "google_vertex_ai",
                "account": "0A1B2C-3D4E5F-678901",
                "settings": {"billing_table": table, "job_project": "p", "location": "EU"},
            },
            "x.yaml",
        )


def test_values_are_parameters_and_every_statement_bounds_what_it_reads() -> None:
    for statement in (BILLED, EXPORTED, OWNERS):
        assert re.findall(r"{\w+}", statement) == ["{billing_table}"]
        assert "_PARTITIONTIME >=" in statement
        assert "*" not in statement
    account = re.findall(r"AS (\w\w+)\b", BILLED.partition("FROM")[0])
    assert [name for name in account if name.islower()][:2] == ["usage_date", "billing_account_id"]
    assert GOOGLE_VERTEX_AI.report("billing").account == "rows/*/f/1/v"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQuery]:
    with bigquery(tmp_path_factory.mktemp("bigquery")) as running_emulator:
        yield running_emulator


FIRST, LAST = date(2026, 11, 9), date(2026, 11, 10)


def test_a_real_engine_and_googles_client_agree_with_the_ledger(
    emulator: BigQuery, engine: Engine, query: Query, tmp_path: Path
) -> None:
    """The emulator's decimals have three places: prices are such that nothing is lost."""
    truth = GoogleVertexAITruth(account="emulated", price_factor=10**6)
    table = str(truth.settings["billing_table"])
    emulator.create(table, FIELDS)
    start, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (FIRST, LAST + DAY))
    emulator.insert(table, list(truth.rows(start - DAY, end + DAY, NOW)))
    instants = ("2026-11-09T00:00:00Z", "2026-11-11T00:00:00Z")
    project = str(truth.settings["job_project"])
    rows = read_by_google(emulator.url, table, *instants, project=project)
    site = Site(truth)
    with running(site.app) as url:
        of_stand_in = read_by_google(url, table, *instants, project=project, token=f"ya29.{KEY}")
    assert len(rows) > 60
    assert keyed(of_stand_in) == keyed(rows)
    router = google_vertex_ai_router({KEY: truth}, lambda: NOW)
    with running(front(emulator.url, router)) as url:
        one = Ledger(truth, url, engine, query, tmp_path)
        assert one.run(FIRST, LAST, NOW).failures == []
        for (day, _, _), amounts in truth.expected("billing", FIRST, LAST + DAY, now=NOW).items():
            assert {column: one.totals(column, day) for column in amounts} == amounts
        connection = one.connection()
        absent = connection.model_copy(update={"settings": {**connection.settings, "billing_table": f"{table}x"}})
        one.connection = lambda **_: absent  # type: ignore[method-assign]
        [failure] = one.run(FIRST - DAY, FIRST - DAY, NOW).failures
        assert isinstance(failure, contract_errors.ContractBroken)  # a missing table is 200 with `errors` here
    [(charged,)] = query("SELECT sum(amount) FROM ledger.cost_daily WHERE connection_id = %s", one.id)
    assert charged == sum(Decimal(row["cost"]) + Decimal(row["credits"]) for row in rows)


def keyed(rows: list[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Rows by what they are grouped by; decimals as such, whatever zeros end them."""
    decimals = ("usage_amount", "cost", "credits")
    groups = ("usage_date", "project_id", "region", "sku_id", "cost_type", "invoice_month")
    return {
        tuple(str(row[name]) for name in groups): row | {name: Decimal(row[name]) for name in decimals} for row in rows
    }
