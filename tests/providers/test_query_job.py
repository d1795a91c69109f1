"""A provider that runs a query as a job: started, waited for, and read page by page."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kit.asking import Server, http
from kit.cumulus import CUMULUS, DAY, DOCUMENT, KEY, START, run
from sqlalchemy import Engine

from usage_ledger import model as m
from usage_ledger.connections import connection_from
from usage_ledger.core import errors
from usage_ledger.core.provider_errors import IncompleteAnswer, NoPermission
from usage_ledger.core.windows import DAY as ONE_DAY
from usage_ledger.core.windows import Window
from usage_ledger.http.auth import Credential
from usage_ledger.http.body import Limits
from usage_ledger.http.client import Client, client_for
from usage_ledger.providers import PROVIDERS
from usage_ledger.reading.whole import require_whole
from usage_ledger.sources.source import source_of
from usage_ledger.storage.landing import landed_folders
from usage_ledger.storage.manifest import manifest_of

QUERY = m.Request(
    "/v2/{tenant}/queries", method="POST", reads_only=True, body='{"query": "SELECT 1", "from": "{date}"}'
)
JOB = m.QueryJob(
    QUERY,
    "jobComplete",
    m.Request(
        "/v2/{tenant}/queries/{jobReference/jobId}",
        (("location", "{jobReference/location}"), ("project", "{jobReference/project}")),
    ),
    m.Cursor("pageToken", "pageToken"),
    check=replace(QUERY, body='{"query": "SELECT 1", "dryRun": true}'),
)
REPORT = replace(CUMULUS.reports[0], source=JOB, marks=(m.Mark("jobComplete", is_=True), m.Mark("errors", absent=True)))
PROVIDER = replace(CUMULUS, reports=(REPORT,))
REFERENCE = {"jobId": "job/1", "location": "EU"}
WINDOW = Window(DAY, DAY + ONE_DAY)


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "cumulus", PROVIDER)


def running(**more: Any) -> bytes:
    return http(json.dumps({"jobComplete": False, "jobReference": REFERENCE, **more}))


def result(model: str, tokens: int, token: str | None = None, **more: Any) -> bytes:
    row = {"start": START, "end": START + 86_400, "model": model, "tokens": str(tokens)}
    more = {"jobComplete": True, "jobReference": REFERENCE, "rows": [row], **more}
    return http(json.dumps(more | ({"pageToken": token} if token else {})))


def client_of(monkeypatch: pytest.MonkeyPatch, url: str, seconds: float = 600) -> tuple[Client, list[float]]:
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", url.removeprefix("http://"))
    connection = connection_from("job", DOCUMENT, "x.yaml")
    client = client_for(connection, Credential(KEY, {}, url), limits=Limits(job_seconds=seconds))
    waits: list[float] = []
    client._sleep = waits.append
    return client, waits


def lines(server: Any) -> list[str]:
    return [request.partition(b" HTTP/")[0].decode() for request in server.requests]


def test_a_query_is_waited_for_and_read_to_its_last_page(
    monkeypatch: pytest.MonkeyPatch,
    engine: Engine,
    query: Callable[..., list[tuple[Any, ...]]],
    tmp_path: Path,
    scripted: Server,
) -> None:
    answers = [running(), http("{}", "503 Busy"), running(), result("a", 1, "t2"), result("b", 2)]
    server = scripted(http('{"id": "job"}'), *answers)
    _, ran = run(monkeypatch, engine, tmp_path, server.url, "job")
    assert ran.failures == []
    assert query("SELECT model, input_tokens FROM ledger.usage_daily WHERE connection_id = 'job' ORDER BY 1") == [
        ("a", 1),
        ("b", 2),
    ]
    results = "GET /v2/blue/queries/job%2F1?location=EU"
    assert lines(server)[1:] == ["POST /v2/blue/queries", *[results] * 3, f"{results}&pageToken=t2"]
    [manifest] = [manifest_of(folder) for folder in landed_folders(tmp_path, "cumulus", "job")]
    assert [(page.file, page.method, page.role) for page in manifest.pages] == [
        ("page-00000.json.zst", "GET", "rows"),
        ("page-00001.json.zst", "GET", "rows"),
    ]
    assert query("SELECT kind FROM ops.event WHERE connection_id = 'job' AND kind = 'unknown_field'") == []


def test_the_answer_that_starts_a_query_may_be_its_first_page(
    monkeypatch: pytest.MonkeyPatch, scripted: Server
) -> None:
    server = scripted(result("a", 1, "t2"), result("b", 2))
    client, waits = client_of(monkeypatch, server.url)
    with client:
        pages = list(source_of(connection_from("job", DOCUMENT, "x.yaml"), REPORT, client).pages(WINDOW))
    assert [page.call.method for page in pages] == ["POST", "GET"]
    assert json.loads(pages[0].call.body) == {"query": "SELECT 1", "from": "2026-11-18"}
    assert lines(server)[1] == "GET /v2/blue/queries/job%2F1?location=EU&pageToken=t2"
    assert [wait for wait in waits if wait > 0.9] == []


def test_a_query_without_a_result_is_given_up_within_its_limit(
    monkeypatch: pytest.MonkeyPatch, scripted: Server
) -> None:
    server = scripted(*[running()] * 50)
    client, waits = client_of(monkeypatch, server.url, seconds=60)
    with client, pytest.raises(IncompleteAnswer, match="no result after 60 seconds"):
        list(source_of(connection_from("job", DOCUMENT, "x.yaml"), REPORT, client).pages(WINDOW))
    assert [wait for wait in waits if wait > 0.9] == [1, 2, 4, 8, 15, 15, 15]
    assert len(server.requests) == 8


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (running(jobReference={"location": "EU"}), "has no `jobReference/jobId`"),
        (result("a", 1, errors=[{"reason": "x"}]), "`errors` is"),
    ],
)
def test_an_answer_that_names_no_job_or_is_not_whole_is_refused(
    monkeypatch: pytest.MonkeyPatch, scripted: Server, answer: bytes, message: str
) -> None:
    client, _ = client_of(monkeypatch, scripted(*[answer] * 4).url)
    source = source_of(connection_from("job", DOCUMENT, "x.yaml"), REPORT, client, partial(require_whole, REPORT))
    with client, pytest.raises(IncompleteAnswer, match=message):
        list(source.pages(WINDOW))


def test_a_check_sends_the_query_that_runs_nothing(monkeypatch: pytest.MonkeyPatch, scripted: Server) -> None:
    server = scripted(http('{"jobComplete": false}'), http("{}", "403 No"))
    client, _ = client_of(monkeypatch, server.url)
    bodies: list[Any] = []
    client._http.event_hooks = {"request": [lambda sent: bodies.append(json.loads(sent.content))]}
    source = source_of(connection_from("job", DOCUMENT, "x.yaml"), REPORT, client)
    with client:
        source.verify(DAY)
        with pytest.raises(NoPermission):
            source.verify(DAY)
    assert bodies == [{"query": "SELECT 1", "dryRun": True}] * 2


def test_results_are_read_by_get_alone() -> None:
    with pytest.raises(errors.ConfigError, match="not read by GET"):
        replace(JOB, results=QUERY)
    with pytest.raises(errors.ConfigError, match="not read by GET"):
        replace(JOB, paging=m.Cursor("next", "token", into="body"))
