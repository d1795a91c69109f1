"""Rates that a team's own Prometheus recorded of the vendor's deployments: whose key goes where, and what is loaded."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from kit.asking import Server, http
from kit.prometheus import prometheus
from kit.recorded_rates import DAYS, START, Recorded, Traffic
from kit.victoria_metrics import victoria_metrics
from spoiled import FIREWORKS_KEY, Desk, chosen

from usage_ledger.connections import connection_from
from usage_ledger.core import errors, provider_errors
from usage_ledger.core.redaction import redact
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.model import Provider
from usage_ledger.pipeline import run as run_module
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import Ran
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.providers.fireworks_rates import METRICS
from usage_ledger.storage.landing import landed_folders
from usage_ledger.storage.manifest import manifest_of

NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
TOKEN = "team-prometheus-S3cret-9Xq2"
PROMPT, CACHED, GENERATED = METRICS.values()
Desks = Callable[[Provider], Desk]
Query = Callable[..., list[tuple[Any, ...]]]
Engines = Callable[[Path, str, list[Recorded]], AbstractContextManager[str]]


def run(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    server: str,
    *reports: str,
    days: tuple[date, date] = DAYS,
    token: str = "",
    zone: str = "UTC",
) -> Ran:
    """A run of these reports of the stand-in's account, whose rates are at `server`."""
    allowed = [url.removeprefix("http://").split("/")[0] for url in (server, desk.url)]
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", ",".join(allowed))
    document: dict[str, Any] = {"provider": "fireworks", "account": desk.name, "timezone": zone}
    document |= {"reports": list(reports or ["rates"]), "settings": {"prometheus_url": server} if server else {}}
    connection = connection_from(desk.connection_id, document, "x.yaml")
    credential = Credential(FIREWORKS_KEY, connection.settings | {"prometheus_token": token}, desk.url)
    with (
        Client(FIREWORKS, base_url=desk.url, credential=credential, account=desk.name, sleep=lambda _: None) as client,
        mock.patch.object(run_module, "planned", chosen),
    ):
        return run_module.run_all(connection, Dates(*days), client=client, engine=desk.engine, root=desk.root, now=NOW)


TRAFFIC = {
    ("ranker-a", PROMPT): Traffic("steady", 1),
    ("ranker-a", GENERATED): Traffic("steady", 2),
    ("ranker-b", PROMPT): Traffic("bursts", 3),
}
MODEL = "accounts/acme/models/ranker-v4"


def recorded(account: str) -> Iterator[Recorded]:
    """What two scrapers of one account recorded, and one of another account; the second has no rate of generation."""
    for (deployment, metric), traffic in TRAFFIC.items():
        for owner, instance, off in ((account, "a", 11), (account, "b", 42), (f"other-{account}", "a", 11)):
            labels = {"base_model": MODEL, "deployment_id": deployment, "deployment_account": owner}
            labels |= {"deployment": f"accounts/{owner}/deployments/{deployment}", "instance": instance}
            yield traffic.rates(metric, labels, over=60, off=off)


@pytest.mark.parametrize("serve", [victoria_metrics, prometheus])
def test_the_days_of_real_engines_are_the_truth_of_one_account(
    desk: Desks, query: Query, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Engines
) -> None:
    at_work = desk(FIREWORKS)
    with serve(tmp_path, "/team/prometheus", [*recorded(at_work.name)]) as url:
        assert run(at_work, monkeypatch, f"{url}/team/prometheus/").failures == []
    rows = query(
        "SELECT deployment, usage_date, input_tokens, output_tokens, cached_input_tokens, model, breakdown, basis,"
        " usage_type FROM ledger.usage_daily WHERE connection_id = %s ORDER BY 1, 2",
        at_work.connection_id,
    )
    assert [row[:2] for row in rows] == [(name, day) for name in ("ranker-a", "ranker-b") for day in DAYS]
    assert {row[5:] for row in rows} == {(MODEL, "prometheus", "estimated", "dedicated")}
    for name, day, prompt, generated, cached, *_ in rows:
        for metric, figure in ((PROMPT, prompt), (GENERATED, generated)):
            if (name, metric) not in TRAFFIC:
                assert figure is None
                continue
            truth = TRAFFIC[name, metric].on(day)
            assert abs(Decimal(figure) - truth) <= truth * Decimal("0.001")
        assert cached is None
    peaks = query(
        "SELECT DISTINCT peak_input_tokens_per_second IS NULL, peak_output_tokens_per_second IS NULL, deployment"
        " FROM ledger.usage_daily WHERE connection_id = %s ORDER BY 3",
        at_work.connection_id,
    )
    assert peaks == [(False, False, "ranker-a"), (False, True, "ranker-b")]
    rates = query(
        "SELECT usage_date, input_tokens_per_second FROM marts.daily_token_rates"
        " WHERE connection_id = %s AND breakdown = 'prometheus' AND model = %s ORDER BY 1",
        at_work.connection_id,
        MODEL,
    )
    sums = [sum(row[2] for row in rows if row[1] == day) for day in DAYS]
    assert rates == [(day, round(Decimal(total) / 86_400, 9)) for day, total in zip(DAYS, sums, strict=True)]


def test_days_are_those_of_the_connections_time_zone(
    desk: Desks, query: Query, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, day, zone = desk(FIREWORKS), DAYS[1], "Asia/Kathmandu"
    with victoria_metrics(tmp_path, "", [*recorded(at_work.name)]) as url:
        assert run(at_work, monkeypatch, url, days=(day, day), zone=zone).failures == []
    tokens = "SELECT deployment, input_tokens FROM ledger.usage_daily WHERE connection_id = %s"
    figures = dict(query(tokens, at_work.connection_id))
    assert figures.keys() == {"ranker-a", "ranker-b"}
    for name, figure in figures.items():
        truth = TRAFFIC[name, PROMPT].on_local(day, ZoneInfo(zone))
        assert abs(Decimal(figure) - truth) <= truth * Decimal("0.001")
        assert truth != TRAFFIC[name, PROMPT].on(day)


def names(*there: str) -> bytes:
    return http(json.dumps({"status": "success", "data": there}))


def matrix(*values: str, model: str = MODEL, **more: Any) -> bytes:
    labels = {"base_model": model, "deployment_id": "ranker-a"} if model else {}
    points = [[START + 60 * (number + 1), value] for number, value in enumerate(values)]
    result = [{"metric": labels, "values": points}] if values else []
    document = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    return http(json.dumps(document | more))


ONE = (DAYS[0], DAYS[0])


@pytest.mark.parametrize("token", ["", TOKEN])
def test_the_vendors_key_is_never_sent_to_the_teams_server_and_its_token_to_nobody_else(
    desk: Desks, monkeypatch: pytest.MonkeyPatch, scripted: Server, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    at_work = desk(FIREWORKS)
    server = scripted(names(PROMPT), matrix("1.5", "2"), matrix("0.5"), matrix())
    with caplog.at_level("DEBUG"):
        assert run(at_work, monkeypatch, server.url, days=ONE, token=token).failures == []
    files = b"".join(path.read_bytes() for path in at_work.root.rglob("*") if path.is_file())
    for secret in (TOKEN, FIREWORKS_KEY):
        assert secret not in caplog.text
        assert secret.encode() not in files
    assert len(server.requests) == 4
    for request in server.requests:
        assert FIREWORKS_KEY.encode() not in request
        assert (b"authorization" in request.lower()) == bool(token)
        assert not token or f"bearer {token}".lower().encode() in request.lower()
    assert f"deployment_account%3D%22{at_work.name}%22".encode() in server.requests[1]
    [manifest] = [manifest_of(one) for one in landed_folders(at_work.root, "fireworks", at_work.connection_id)]
    assert {page.origin for page in manifest.pages} == {server.url}
    assert TOKEN not in repr(manifest)
    assert not token or token not in redact(f"it is {token}")
    figures = at_work.query(
        "SELECT input_tokens, cached_input_tokens, output_tokens, peak_input_tokens_per_second"
        " FROM ledger.usage_daily WHERE connection_id = %s",
        at_work.connection_id,
    )
    assert figures == [(210, 30, None, 2)]


@pytest.mark.parametrize(
    ("answer", "error", "text", "step"),
    [
        (http("no", "401 Unauthorized"), provider_errors.NoPermission, "answered 401", "`prometheus_token`"),
        (http("no", "403 Forbidden"), provider_errors.NoPermission, "answered 403", "`prometheus_token`"),
        (http("404 page", "404 Not Found"), provider_errors.BadRequest, "answered 404", "/api/v1/query_range"),
        (http('{"status":"error","error":"bad"}', "400 Bad"), provider_errors.BadRequest, "400: bad", ""),
        (http('{"status":"error","error":"slow"}', "503 Busy"), provider_errors.ProviderDown, "503: slow", ""),
    ],
)
def test_what_the_teams_server_refuses_is_said_of_it_and_costs_no_other_report(
    desk: Desks,
    monkeypatch: pytest.MonkeyPatch,
    scripted: Server,
    answer: bytes,
    error: type[Exception],
    text: str,
    step: str,
) -> None:
    at_work = desk(FIREWORKS)
    ran = run(at_work, monkeypatch, scripted(*[answer] * 9).url, "usage", "rates", days=ONE)
    [failure] = ran.failures
    assert type(failure) is error
    assert failure.report == "rates"
    assert "server of `settings.prometheus_url`" in failure.what and text in failure.what
    assert step in (failure.next_step or "")
    assert at_work.days("usage") == {DAYS[0]: "loaded"}
    assert at_work.days("rates") == {DAYS[0]: "failed"}


@pytest.mark.parametrize(
    "answer",
    [
        matrix("1", warnings=["2 of 3 stores did not answer"]),
        matrix("1", isPartial=True),
        matrix("1", status="error"),
        http(json.dumps({"status": "success", "data": {"resultType": "matrix"}})),
    ],
)
def test_an_answer_that_lacks_a_part_is_never_loaded(
    desk: Desks, monkeypatch: pytest.MonkeyPatch, scripted: Server, answer: bytes
) -> None:
    at_work = desk(FIREWORKS)
    [failure] = run(at_work, monkeypatch, scripted(names(PROMPT), *[answer] * 9).url, days=ONE).failures
    assert type(failure) is provider_errors.NotWhole
    assert at_work.rows("rates") == 0


def test_a_server_that_has_nothing_of_a_date_leaves_it_open(
    desk: Desks, monkeypatch: pytest.MonkeyPatch, scripted: Server
) -> None:
    at_work = desk(FIREWORKS)
    assert run(at_work, monkeypatch, scripted(names()).url, days=ONE).failures == []
    states = "SELECT state, settled FROM ops.day WHERE connection_id = %s AND report = 'rates'"
    assert at_work.query(states, at_work.connection_id) == [("empty", False)]


def test_a_server_that_the_deployment_does_not_allow_is_not_spoken_to(
    desk: Desks, monkeypatch: pytest.MonkeyPatch, scripted: Server
) -> None:
    at_work, server = desk(FIREWORKS), scripted(names(PROMPT))
    for url in ("https://prometheus.example:9090", "http://10.0.0.7:9090"):
        monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", at_work.url.removeprefix("http://"))
        with monkeypatch.context() as patch:
            patch.setattr(pytest.MonkeyPatch, "setenv", lambda *_: None)
            [failure] = run(at_work, monkeypatch, url, days=ONE).failures
        assert type(failure) is provider_errors.HostRefused
    assert server.requests == []


def test_without_an_address_the_other_reports_are_loaded(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work = desk(FIREWORKS)
    [failure] = run(at_work, monkeypatch, "", "usage", "rates", days=ONE).failures
    assert type(failure) is errors.ConfigError
    assert "`prometheus_url` has no value" in failure.what
    assert at_work.days("usage") == {DAYS[0]: "loaded"}


def test_the_report_is_off_until_it_is_named_and_needs_the_address(desk: Desks) -> None:
    at_work = desk(FIREWORKS)
    document: dict[str, Any] = {"provider": "fireworks", "account": at_work.name}
    assert "rates" not in [one.name for one in connection_from("acme", document, "x.yaml").chosen_reports]
    connection = connection_from("acme", document | {"reports": ["rates"]}, "x.yaml")
    assert "rates" in [one.name for one in connection.chosen_reports]
    with (
        Client(FIREWORKS, base_url=at_work.url, credential=Credential(FIREWORKS_KEY), account=at_work.name) as client,
        pytest.raises(errors.ConfigError, match="`prometheus_url` has no value") as refused,
    ):
        client.call_of(FIREWORKS.report("rates").source.request, {})
    assert "settings.prometheus_url" in (refused.value.next_step or "")
