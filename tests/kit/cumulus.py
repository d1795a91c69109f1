"""A fictional provider that is read by POST, and a run of a connection to it against a scripted server."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from kit.asking import http
from usage_ledger import model as m
from usage_ledger.airflow.identity import provider_credential
from usage_ledger.connections import Connection, connection_from
from usage_ledger.http.client import client_for
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import Ran, run_all

DAY = date(2026, 11, 18)
NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
KEY = "cu_9Xq2Lm7ZtPk4"
QUERY = m.Request(
    "/v1/{tenant}/usage:query",
    method="POST",
    reads_only=True,
    body='{"from": "{start_epoch}", "to": "{end_epoch}", "region": "{region}", "pageSize": 1}',
)
CUMULUS = m.Provider(
    name="cumulus",
    title="Cumulus",
    base_url="https://api.cumulus.example",
    hosts=("api.cumulus.example",),
    accounts=m.Listing(m.Request("/v1/account"), "", "id", "account", single=True),
    account=m.Setting("account", "Account", "The account's id."),
    settings=(
        m.Setting("tenant", "Tenant", "The tenant's name.", pattern=r"[a-z]{1,20}", required=True),
        m.Setting("region", "Regions", "Regions to read.", pattern=r"[a-z0-9-]{1,20}", repeated=True, required=True),
    ),
    requests_per_minute=6000,
    docs="https://docs.cumulus.example",
    key_help="an API key",
    reports=(
        m.Report(
            name="usage",
            source=m.HttpPages(QUERY, m.Cursor("next", "token", into="body"), per=m.PerSetting("region")),
            row_sets=(
                m.RowSet(
                    path="rows",
                    table="usage_daily",
                    when=m.Bucket("start", "end", clock="epoch"),
                    constants=(("usage_type", "serverless"),),
                    dimensions=m.dimensions(model="model", region="@region"),
                    meters=(m.Meter("input_tokens", "tokens"),),
                ),
            ),
            day="UTC",
        ),
    ),
)
DOCUMENT: dict[str, Any] = {
    "provider": "cumulus",
    "account": "acme",
    "settings": {"tenant": "blue", "region": ["east", "west"]},
}
START = 1_794_960_000


def rows(model: str, tokens: int, token: str | None = None) -> bytes:
    row = {"start": START, "end": START + 86_400, "model": model, "tokens": str(tokens)}
    return http(json.dumps({"rows": [row], "next": token}))


def run(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, root: Path, url: str, connection_id: str, **extra: str
) -> tuple[Connection, Ran]:
    connection = connection_from(connection_id, DOCUMENT | {"account": connection_id}, "x.yaml")
    stored = {"conn_type": "cumulus", "password": KEY, "host": url, "extra": {"account": connection_id} | extra}
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection_id.upper()}", json.dumps(stored))
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", url.removeprefix("http://"))
    monkeypatch.setenv("USAGE_LEDGER_RETRY_SCALE", "0")
    with client_for(connection, provider_credential(connection)) as client:
        return connection, run_all(connection, Dates(DAY, DAY), client=client, engine=engine, root=root, now=NOW)
