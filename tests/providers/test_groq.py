"""Groq's rates: the whole pipeline against its stand-in, and against VictoriaMetrics and Prometheus themselves."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kit.prometheus import prometheus
from kit.recorded_rates import DAYS, Recorded, Traffic
from kit.victoria_metrics import victoria_metrics
from spoiled import FIRST, LAST, Desk
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core import contract_errors, provider_errors
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.model import Provider
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.rebuild import rebuild
from usage_ledger.pipeline.run import run_all
from usage_ledger.providers.groq import GROQ, NAMES
from usage_ledger.sandbox.app import running
from usage_ledger.sandbox.groq.account import PERCENTILES
from usage_ledger.sandbox.groq.api import groq_router
from usage_ledger.sandbox.groq.truth import GroqTruth

NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
PREFIX = "/v1/metrics/prometheus"
RANGE, VALUES = f"{PREFIX}/api/v1/query_range", f"{PREFIX}/api/v1/label/__name__/values"
MIDNIGHT = 1_794_873_600
"""Of the first date."""
Desks = Callable[[Provider], Desk]
Query = Callable[..., list[tuple[Any, ...]]]
Json = Any
Engines = Callable[[Path, str, list[Recorded]], AbstractContextManager[str]]


def test_a_day_takes_four_requests_and_its_right_hand_edges_tile_it(desk: Desks) -> None:
    at_work = desk(GROQ)
    at_work.run("usage", first=LAST)
    start = MIDNIGHT + 86_400
    assert at_work.site.requests == [
        (VALUES, [("start", str(start)), ("end", str(start + 86_399))]),
        *(
            (
                RANGE,
                [
                    ("query", f"sum by (model, project_id) ({name})"),
                    ("start", str(start + 300)),
                    ("end", str(start + 86_400)),
                    ("step", "300"),
                ],
            )
            for name in NAMES
        ),
    ]


def test_a_model_without_tokens_has_requests_and_no_zero(desk: Desks, query: Query) -> None:
    at_work = desk(GROQ)
    assert at_work.run("usage").failures == []
    rows = query(
        "SELECT model, bool_or(input_tokens IS NOT NULL), min(requests) > 0, min(basis), min(breakdown)"
        " FROM ledger.usage_daily WHERE connection_id = %s GROUP BY 1 ORDER BY 1",
        at_work.connection_id,
    )
    assert ("whisper-large-v3", False, True, "estimated", "") in rows
    assert ("openai/gpt-oss-120b", True, True, "estimated", "") in rows


def one_point(value: Any, time: Any = MIDNIGHT + 300) -> Callable[[str, Json], Json]:
    """Another first point of the first date."""

    def change(_path: str, document: Json) -> Json:
        if document["rows"] and document["rows"][0]["time"] == MIDNIGHT + 300:
            document["rows"][0].update(value=value, time=time)
        return document

    return change


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-0.5", "", None, "1,5"])
def test_a_rate_that_is_no_number_costs_its_date(desk: Desks, value: Any) -> None:
    at_work = desk(GROQ)
    at_work.site.changes[RANGE] = one_point(value)
    [failure] = at_work.run("usage").failures
    assert isinstance(failure, contract_errors.ContractBroken)
    assert at_work.days("usage") == {FIRST: "failed", LAST: "loaded"}


@pytest.mark.parametrize("time", [MIDNIGHT, MIDNIGHT + 86_700, MIDNIGHT + 450], ids=["before", "after", "between"])
def test_a_point_that_is_not_of_the_day_is_refused(desk: Desks, time: int) -> None:
    at_work = desk(GROQ)
    at_work.site.changes[RANGE] = one_point("1", time)
    failures = at_work.run("usage").failures
    assert failures
    assert all(isinstance(one, contract_errors.OutOfWindow | contract_errors.BadBucket) for one in failures)
    assert at_work.days("usage")[FIRST] == "failed"


def test_the_same_point_twice_is_refused(desk: Desks) -> None:
    at_work = desk(GROQ)

    def twice(_path: str, document: Json) -> Json:
        return document | {"rows": [*document["rows"], *document["rows"][:1]]}

    at_work.site.changes[RANGE] = twice
    assert {type(one) for one in at_work.run("usage").failures} == {contract_errors.DuplicateRow}
    assert at_work.rows("usage") == 0


def test_series_of_labels_with_other_names_are_refused_and_name_the_label(desk: Desks) -> None:
    at_work = desk(GROQ)

    def nameless(_path: str, document: Json) -> Json:
        points = {row["time"]: row["value"] for row in document["rows"]}
        return document | {"rows": [{"time": time, "value": value} for time, value in points.items()]}

    at_work.site.changes[RANGE] = nameless
    failures = at_work.run("usage").failures
    assert {type(one) for one in failures} == {contract_errors.MissingGroupKey}
    assert all("model" in one.what for one in failures)
    assert at_work.rows("usage") == 0


def test_a_partial_answer_is_asked_for_again_and_never_loaded(desk: Desks) -> None:
    at_work = desk(GROQ)
    at_work.site.changes[RANGE] = lambda _, document: document | {"isPartial": False}
    assert at_work.run("usage").failures == []
    at_work.site.requests.clear()
    at_work.site.changes[RANGE] = lambda _, document: document | {"isPartial": True, "rows": document["rows"][::2]}
    rows = at_work.rows("usage")
    assert {type(one) for one in at_work.run("usage").failures} == {provider_errors.NotWhole}
    assert len([path for path, _ in at_work.site.requests if path == RANGE]) > 2
    assert at_work.rows("usage") == rows


@pytest.mark.parametrize(
    ("status", "body", "text", "step"),
    [
        (404, b'{"error": {"message": "Unknown request URL"}}', "answered 404: Unknown request URL", "Enterprise"),
        (404, b"page not found", "answered 404", "correct the connection's host"),
        (400, b'remoteAddr: "10.0.0.7:1"; requestURI: /api/v1/nope', "answered 400", ""),
        (422, b'{"status":"error","errorType":"422","error":"cannot parse query"}', "422: cannot parse query", ""),
        (400, b'{"status":"error","errorType":"bad_data","error":"parse error"}', "400: parse error", ""),
        (200, b'{"status":"error","errorType":"execution","error":"timed out"}', "with an error: timed out", ""),
    ],
)
def test_a_refusal_says_what_it_is(desk: Desks, status: int, body: bytes, text: str, step: str) -> None:
    at_work = desk(GROQ)
    at_work.site.refusals[RANGE] = [(status, body, {})] * 9
    [failure, *_] = at_work.run("usage").failures
    assert type(failure) is provider_errors.BadRequest
    assert text in failure.what
    assert step in (failure.next_step or "")
    assert at_work.days("usage") == dict.fromkeys((FIRST, LAST), "failed")


def test_the_test_button_says_that_metrics_are_not_enabled(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    from usage_ledger.airflow.hooks import ProviderHook

    at_work = desk(GROQ)
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", at_work.url.removeprefix("http://"))

    class Stored:
        host, login, password = at_work.url, at_work.name, at_work.key
        extra_dejson: dict[str, str] = {}  # noqa: RUF012

    class Hook(ProviderHook):
        conn_type = "groq"

        def get_connection(self, _connection_id: str) -> Stored:  # type: ignore[override]
            return Stored()

    assert Hook("groq_acme").test_connection()[0]
    at_work.site.refusals[VALUES] = [(404, b'{"error": {"message": "Unknown request URL"}}', {})]
    good, message = Hook("groq_acme").test_connection()
    assert not good
    assert "Enterprise" in message


KNOBS = {"plain": {"enterprise": False}, "older": {"names": "percentiles"}, "nan": {"not_a_number": True}}


@pytest.mark.parametrize(
    ("knob", "error", "text"),
    [
        ("plain", provider_errors.BadRequest, "404"),
        ("older", contract_errors.ContractBroken, PERCENTILES[0]),
        ("nan", contract_errors.ContractBroken, "NaN"),
    ],
)
def test_what_the_stand_in_does_otherwise_is_an_error_and_no_empty_day(
    engine: Engine, query: Query, tmp_path: Path, knob: str, error: type[Exception], text: str
) -> None:
    from fastapi import FastAPI

    app = FastAPI()
    app.include_router(groq_router({"gsk_opens": replace(GroqTruth(account=knob), **KNOBS[knob])}, lambda: NOW))
    with running(app) as url:
        failures, _ = run(engine, tmp_path, url, knob)
    assert len(failures) == 2
    assert all(isinstance(one, error) and text in one.what for one in failures)
    assert {state for (state,) in query("SELECT state FROM ops.day WHERE connection_id = %s", knob)} == {"failed"}


def run(engine: Engine, root: Path, url: str, name: str) -> tuple[list[Any], Any]:
    connection = Connection(id=name, provider="groq", account=name)
    credential = Credential("gsk_opens")
    with Client(GROQ, base_url=url, credential=credential, account=name, sleep=lambda _: None) as client:
        ran = run_all(connection, Dates(*DAYS), client=client, engine=engine, root=root, now=NOW)
        return ran.failures, ran


MODELS = {"llama-3.3-70b-versatile": "steady", "openai/gpt-oss-120b": "bursts", "whisper-large-v3": "sparse"}
TRAFFIC = {
    (model, name): Traffic(kind, 10 * number + place)
    for number, (model, kind) in enumerate(MODELS.items())
    for place, name in enumerate(NAMES)
}
COLUMNS = dict(zip(NAMES, ("input_tokens", "output_tokens", "requests"), strict=True))


def recorded() -> Iterator[Recorded]:
    """The rates of all models, 37 seconds off the minutes; requests by status."""
    for (model, name), traffic in TRAFFIC.items():
        labels = {"model": model, "project_id": "project_01"}
        labels |= {"status_code": "200"} if name == NAMES[2] else {}
        yield traffic.rates(name, labels, over=300, off=37)


@pytest.mark.parametrize("serve", [victoria_metrics, prometheus])
def test_real_engines_give_the_truth_within_the_error_that_the_page_states(
    engine: Engine, query: Query, tmp_path: Path, serve: Engines
) -> None:
    name = serve.__name__
    with serve(tmp_path, PREFIX, [*recorded()]) as url:
        failures, _ = run(engine, tmp_path / "raw", url, name)
    assert failures == []
    rows = query(
        "SELECT model, usage_date, input_tokens, output_tokens, requests, project_id FROM ledger.usage_daily"
        " WHERE connection_id = %s ORDER BY 1, 2",
        name,
    )
    assert [(row[0], row[1], row[5]) for row in rows] == [
        (model, day, "project_01") for model in MODELS for day in DAYS
    ]
    for model, day, *figures, _ in rows:
        for metric, figure in zip(NAMES, figures, strict=True):
            truth = TRAFFIC[model, metric].on(day)
            error = abs(Decimal(figure) / truth - 1) if truth else Decimal(figure)
            assert error < (Decimal("0.001") if MODELS[model] == "steady" else Decimal("1E-9")), (model, day, metric)
    again = rebuild(
        Connection(id=name, provider="groq", account=name), None, engine=engine, root=tmp_path / "raw"
    )  # the server is gone
    assert again.failures == []
    assert [outcome.changed for *_, outcome in again.loads] == [{"usage_daily": 0}] * 2
    points = "SELECT usage_date, evidence -> 'points' FROM ops.day WHERE connection_id = %s ORDER BY 1"
    assert query(points, name) == [(day, [288, 288]) for day in DAYS]
    answered = query("SELECT kind FROM ops.event WHERE connection_id = %s AND severity <> 'info'", name)
    assert answered == []


@pytest.mark.parametrize("serve", [victoria_metrics, prometheus])
def test_what_a_real_engine_refuses_is_said(engine: Engine, tmp_path: Path, serve: Engines) -> None:
    request = replace(GROQ.reports[0].source.request, query=(("query", "sum by ("), ("start", "1"), ("end", "2")))
    broken = replace(GROQ, reports=(replace(GROQ.reports[0], source=replace(GROQ.reports[0].source, request=request)),))
    empty = Dates(date(2026, 11, 1), date(2026, 11, 1))
    with serve(tmp_path, PREFIX, [*recorded()]) as url:
        credential, name = Credential("gsk_opens"), f"refusing_{serve.__name__}"
        connection = Connection(id=name, provider="groq", account=name)
        with Client(broken, base_url=url, credential=credential, account=name, sleep=lambda _: None) as client:
            with pytest.raises(provider_errors.BadRequest, match="parse") as refused:
                client.ask(client.call_of(request, {}))
            assert refused.value.status in (400, 422)
            with pytest.raises(provider_errors.BadRequest, match="answered 40"):
                client.ask(replace(client.call_of(request, {}), path=f"{PREFIX}/nope"))
        with Client(GROQ, base_url=url, credential=credential, account=name, sleep=lambda _: None) as client:
            ran = run_all(connection, empty, client=client, engine=engine, root=tmp_path / "raw", now=NOW)
    assert ran.failures == []  # before the first sample: nothing is stored of the date


def test_the_engines_of_the_tests_have_traffic_to_be_wrong_about() -> None:
    assert min(TRAFFIC["llama-3.3-70b-versatile", name].on(day) for name in NAMES for day in DAYS) > 1_000_000
    rates = TRAFFIC["llama-3.3-70b-versatile", NAMES[0]].rates(NAMES[0], {}, over=300, off=37)
    assert len(rates.samples) > 1440 * 2
    assert timedelta(seconds=rates.samples[1][0] - rates.samples[0][0]) == timedelta(minutes=1)
