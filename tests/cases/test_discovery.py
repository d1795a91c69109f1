"""A report that requires names: all there, some missing, nothing stored at all; and what a date is then."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kit.asking import KEY, Server, http
from sqlalchemy import Engine

from usage_ledger import model as m
from usage_ledger.connections import Connection
from usage_ledger.core import contract_errors, provider_errors
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import Ran, run_all
from usage_ledger.providers import PROVIDERS
from usage_ledger.storage.landing import landed_folders
from usage_ledger.storage.manifest import manifest_of

DAY = date(2026, 11, 18)
NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
Query = Callable[..., list[tuple[Any, ...]]]
NIMBUS = m.Provider(
    name="nimbus",
    title="Nimbus",
    base_url="https://api.nimbus.example",
    hosts=("api.nimbus.example",),
    accounts=m.Listing(m.Request("/v1/models"), "data", "", "model"),
    account=m.Setting("account", "Account", "The account's id."),
    requests_per_minute=6000,
    docs="https://docs.nimbus.example",
    key_help="an API key",
    reports=(
        m.Report(
            name="usage",
            source=m.HttpPages(
                m.Request("/v1/rows", (("metric", "{metric}"),)),
                per=m.Fixed("metric", ("in", "out")),
                requires=m.Discovery(m.Request("/v1/names"), "data", ("in", "out"), "look for a newer version"),
            ),
            row_sets=(
                m.RowSet(
                    path="rows",
                    table="usage_daily",
                    when=m.Day("day"),
                    dimensions=m.dimensions(model="model", operation="@metric"),
                    meters=(m.Meter("requests", "count"),),
                ),
            ),
            day="UTC",
            longest=timedelta(days=1),
        ),
    ),
)


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "nimbus", NIMBUS)


def names(*there: str) -> bytes:
    return http(json.dumps({"data": there}))


def rows(count: int) -> bytes:
    return http(json.dumps({"rows": [{"day": str(DAY), "model": "a", "count": count}]}))


def run(engine: Engine, root: Path, server: Server, name: str, now: datetime = NOW) -> Ran:
    connection = Connection(id=name, provider="nimbus", account=name)
    with Client(NIMBUS, base_url=server.url, credential=Credential(KEY), account=name, sleep=lambda _: None) as client:
        return run_all(connection, Dates(DAY, DAY), client=client, engine=engine, root=root, now=now)


def test_names_are_asked_for_first_and_landed(
    engine: Engine, query: Query, tmp_path: Path, scripted: Callable[..., Server]
) -> None:
    server = scripted(names("in", "other", "out"), rows(3), rows(4))
    assert run(engine, tmp_path, server, "whole").failures == []
    [manifest] = [manifest_of(folder) for folder in landed_folders(tmp_path, "nimbus", "whole")]
    assert [(page.role, page.path) for page in manifest.pages] == [
        ("discovery", "/v1/names"),
        ("rows", "/v1/rows"),
        ("rows", "/v1/rows"),
    ]
    counts = "SELECT operation, requests FROM ledger.usage_daily WHERE connection_id = 'whole' ORDER BY 1"
    assert query(counts) == [("in", 3), ("out", 4)]


@pytest.mark.parametrize("there", [("in",), ("in:P50", "in:P99", "out:P50"), ("up",)])
def test_a_missing_name_breaks_the_contract_and_is_no_day_without_use(
    engine: Engine, query: Query, tmp_path: Path, scripted: Callable[..., Server], there: tuple[str, ...]
) -> None:
    name = f"missing{len(there)}{there[0].replace(':', '').lower()}"
    server = scripted(names(*there))
    [failure] = run(engine, tmp_path, server, name).failures
    assert type(failure) is contract_errors.ContractBroken
    assert "the provider has no " in failure.what and there[0] in failure.what
    assert failure.next_step == "look for a newer version"
    assert len(server.requests) == 1
    assert query("SELECT state FROM ops.day WHERE connection_id = %s", name) == [("failed",)]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('{"data": null}', provider_errors.NotWhole),
        ("{}", provider_errors.NotWhole),
        ('{"data": {"in": 1}}', contract_errors.Shape),
        ('{"data": ["in", 1]}', contract_errors.Shape),
    ],
)
def test_an_answer_without_the_list_of_names_is_no_empty_list(
    engine: Engine, tmp_path: Path, scripted: Callable[..., Server], body: str, error: type[Exception]
) -> None:
    server = scripted(*[http(body)] * 9)
    [failure] = run(engine, tmp_path, server, f"unlisted{len(body)}").failures
    assert type(failure) is error


def test_no_name_at_all_leaves_a_date_open_and_takes_nothing_back(
    engine: Engine, query: Query, tmp_path: Path, scripted: Callable[..., Server]
) -> None:
    later = NOW + timedelta(days=30)
    assert run(engine, tmp_path, scripted(names()), "idle", later).failures == []
    states = "SELECT state, settled FROM ops.day WHERE connection_id = %s"
    assert query(states, "idle") == [("empty", False)]
    messages = "SELECT kind, severity FROM ops.event WHERE connection_id = %s"
    assert query(messages, "idle") == [("nothing_stored", "info")]
    assert run(engine, tmp_path, scripted(names("in", "out"), rows(3), rows(4)), "idle", later).failures == []
    assert query(states, "idle") == [("loaded", True)]
    # Long after, the provider has dropped what it had: that is no answer about the date, however often it comes.
    for _ in range(3):
        assert run(engine, tmp_path, scripted(names()), "idle", later).held
        with engine.begin() as transaction:
            transaction.exec_driver_sql(
                "UPDATE ops.day SET evidence = evidence || jsonb_build_object("
                "'held_since', (evidence ->> 'held_since')::timestamptz - interval '2 hours')"
                " WHERE connection_id = 'idle' AND jsonb_exists(evidence, 'held_since')"
            )
    assert query("SELECT sum(requests) FROM ledger.usage_daily WHERE connection_id = 'idle'") == [(7,)]


def test_verifying_asks_for_the_names_too(scripted: Callable[..., Server]) -> None:
    from usage_ledger.sources.source import source_of

    connection = Connection(id="verifying", provider="nimbus", account="acme")
    server = scripted(names("in"))
    with (
        Client(NIMBUS, base_url=server.url, credential=Credential(KEY), account="acme") as client,
        pytest.raises(contract_errors.ContractBroken, match="has no out, but in"),
    ):
        source_of(connection, NIMBUS.reports[0], client).verify(DAY)
    server = scripted(names("in", "out"), rows(1))
    with Client(NIMBUS, base_url=server.url, credential=Credential(KEY), account="acme") as client:
        source_of(connection, NIMBUS.reports[0], client).verify(DAY)
    assert len(server.requests) == 2
