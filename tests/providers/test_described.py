"""Every request against a mock server that refuses what the provider's machine-readable description does not allow.

The descriptions are not part of the project, and the mock server is Node's: where either is missing, the tests are
skipped. `PRISM` names the program (`npm install @stoplight/prism-cli`), `SPECS` the folder of descriptions.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest
from kit.declared_requests import fans_out_over, request_of

from usage_ledger.connections import Connection
from usage_ledger.core.windows import DAY, Window
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.http.page import Call
from usage_ledger.model import HttpPages, Listing, Provider, Report
from usage_ledger.model.request import Parameters
from usage_ledger.providers import PROVIDERS
from usage_ledger.sources.values import window_values

SPECS = Path(os.environ.get("SPECS") or Path(__file__).resolve().parents[3] / "shared" / "reference" / "specs")
PRISM = os.environ.get("PRISM") or shutil.which("prism") or ""
DESCRIBED = {
    "openai": ("openai.yaml", "/v1"),
    "anthropic": ("anthropic.handwritten.yaml", ""),
    "openrouter": ("openrouter.yaml", "/api/v1"),
    "groq": ("groq.yaml", "/v1/metrics/prometheus/api/v1"),
}
"""A provider's description, and the part of our paths that it leaves out."""
IDS = {
    "project": "proj_1",
    "workspace": "0df9e665-d932-4740-b2c7-b52af166bc11",
    "key": "9c1f" * 16,
    "metric": "a:b:rate5m",
}
UNANSWERED = {"/models", "/openai/v1/models"}
"""The description's own example breaks it, so that no answer can be made; and Groq's has no list of models."""

pytestmark = pytest.mark.skipif(
    not SPECS.is_dir() or not PRISM, reason="the providers' descriptions, or the mock server Prism, are not here"
)


def calls_of(provider: Provider) -> list[Call]:
    """Every request that a run of one date makes, less the next pages."""
    connection = Connection(id="described", provider=provider.name, account="acme")
    client = Client(provider, base_url=provider.base_url, credential=Credential("any-key"), account="acme")
    calls: list[Call] = []

    def of_listing(listing: Listing) -> None:
        if listing.per:
            of_listing(listing.per)
        calls.append(client.call_of(listing.request, IDS))

    def of_report(report: Report) -> None:
        each = fans_out_over(report)
        if isinstance(each, Listing):
            of_listing(each)
        window = Window(date(2026, 11, 18), date(2026, 11, 18) + DAY)
        values = window_values(connection, report, window)
        calls.append(client.call_of(request_of(report), {**values, **IDS}))
        if isinstance(report.source, HttpPages) and report.source.requires:
            calls.append(client.call_of(report.source.requires.request, values))

    of_listing(provider.accounts)
    for report in provider.reports:
        of_report(report)
    return list(dict.fromkeys(calls))


@pytest.fixture(scope="module", params=DESCRIBED)
def mock(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Provider, str]]:
    """A provider and the address of a server that knows its description alone."""
    spec, _ = DESCRIBED[request.param]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    log = tmp_path_factory.mktemp("prism") / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [PRISM, "mock", "--errors", "--port", str(port), str(SPECS / spec)], stdout=out, stderr=out
        ) as server,
    ):
        try:
            for _ in range(300):
                if b"is listening" in log.read_bytes():
                    break
                time.sleep(0.1)
            else:
                raise AssertionError(log.read_text(errors="replace"))
            yield PROVIDERS[request.param], f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def answered(provider: Provider, url: str, path: str, parameters: Parameters) -> httpx.Response:
    """What the mock server says of a request of ours."""
    left_out = DESCRIBED[provider.name][1]
    sent = [(name, one) for name, value in parameters for one in ((value,) if isinstance(value, str) else value)]
    headers = {provider.auth.header: f"{provider.auth.scheme} any-key".strip(), **dict(provider.headers)}
    with httpx.Client(trust_env=False, headers=headers) as client:
        return client.get(url + path.removeprefix(left_out), params=sent)


def test_every_request_is_as_described(mock: tuple[Provider, str]) -> None:
    provider, url = mock
    refused = {}
    for call in calls_of(provider):
        path, parameters = call.path, call.query
        answer = answered(provider, url, path, parameters)
        bare = path.removeprefix(DESCRIBED[provider.name][1])
        if answer.status_code != 200 and bare not in UNANSWERED:
            refused[path, parameters] = answer.text[:300]
    assert refused == {}


def test_a_request_that_is_not_as_described_would_be_seen(mock: tuple[Provider, str]) -> None:
    provider, url = mock
    report = next(one for one in provider.reports if not one.snapshot)
    [call] = [one for one in calls_of(provider) if one.path == request_of(report).path][:1]
    path, parameters = call.path, call.query
    for name, value in parameters:
        if name in ("start_time", "starting_at") or (name, value) == ("group_by", "workspace"):
            spoiled = tuple((key, "not-a-time" if key == name else told) for key, told in parameters)
            assert answered(provider, url, path, spoiled).status_code in (400, 422), (name, value)
    assert answered(provider, url, f"{path}s-of-nobody", parameters).status_code == 404
