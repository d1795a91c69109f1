"""A connection's URI or JSON is read as Airflow reads it, and the warehouse's extra as its Postgres hook reads it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_ledger.airflow.connection_text import parse
from usage_ledger.airflow.credentials import warehouse_url
from usage_ledger.airflow.metadata import Stored
from usage_ledger.core.errors import ConfigError

TEXTS = [
    "fireworks://http://:KEY@127.0.0.1%3A25000",
    "fireworks://https://:KEY@api.fireworks.ai",
    "fireworks://https://:KEY@api.fireworks.ai:8443/prefix?account=acme",
    "openai://:sk%2Fkey%3D@",
    "openai://:key@HOST.example/?account=",
    "google-cloud-platform://?project=x&num_retries=5",
    "postgresql://bi%40x:p%2Fw@db.example:5433/usage?sslmode=require&keepalives=1&flag=true",
    "postgres://u@%2Fvar%2Frun%2FPostgreSQL/ledger",
    "postgres://u:p@[::1]:5432/ledger",
    "postgres://u:p@h/db?__extra__=%7B%22sslmode%22%3A%20%22require%22%2C%20%22a%22%3A%20%7B%22b%22%3A%201%7D%7D",
    json.dumps({"conn_type": "fireworks", "host": "http://127.0.0.1:25000", "password": "KEY", "port": "7"}),
    json.dumps({"conn_type": "google-cloud-platform", "password": "k", "extra": '{"account": "acme"}'}),
]


def of_airflow(text: str) -> Stored:
    read = Connection.from_json(text) if text.startswith("{") else Connection.from_uri(text, conn_id="one")
    parts = (getattr(read, name) or None for name in ("host", "login", "password", "port", "schema"))
    return Stored(read.conn_type, *parts, read.extra_dejson)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_as_airflow_reads_it(text: str) -> None:
    assert parse(text) == of_airflow(text)


def test_a_scheme_in_the_host_stays_with_the_host() -> None:
    read = parse("fireworks://http://:KEY@127.0.0.1%3A25000")
    assert (read.host, read.password) == ("http://127.0.0.1:25000", "KEY")


words = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=20)


@settings(max_examples=300, deadline=None)
@given(
    conn_type=st.sampled_from(["fireworks", "openai", "postgres"]),
    host=st.sampled_from(["api.example.com", "https://api.example.com", "http://127.0.0.1:25000", None]),
    login=words | st.none(),
    password=words,
    port=st.integers(1, 65535) | st.none(),
    extra=st.dictionaries(words, words | st.integers() | st.booleans(), max_size=3),
)
def test_what_airflow_exports_is_read_back(conn_type: str, host: Any, port: Any, extra: Any, **parts: Any) -> None:
    if host and host.count(":") > 1:
        port = None  # the host has one
    stored = Connection(conn_id="one", conn_type=conn_type, host=host, port=port, extra=json.dumps(extra), **parts)
    assert parse(stored.get_uri()) == of_airflow(stored.get_uri())
    assert parse(stored.as_json()) == of_airflow(stored.as_json())


def warehouse(monkeypatch: pytest.MonkeyPatch, extra: Any) -> Any:
    document = {"conn_type": "postgres", "host": "db", "login": "u", "password": "p", "schema": "s", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_USAGE_WAREHOUSE", json.dumps(document))
    return warehouse_url()


def test_options_of_the_postgres_hook_do_not_reach_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"sslmode": "require", "keepalives_idle": 30, "cursor": "dictcursor", "sqlalchemy_scheme": "postgresql"}
    url = warehouse(monkeypatch, extra | {"iam": False, "aws_conn_id": "x", "sqlalchemy_query": {"options": "-c a=b"}})
    assert dict(url.query) == {"sslmode": "require", "keepalives_idle": "30", "options": "-c a=b"}
    with pytest.raises(ConfigError, match="sqlalchemy_query"):
        warehouse(monkeypatch, {"sqlalchemy_query": "x"})


def test_an_iam_token_takes_the_place_of_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = "airflow.providers.postgres.hooks.postgres.PostgresHook.get_iam_token"
    monkeypatch.setattr(hook, lambda _self, connection: (connection.login, f"token for {connection.host}", 5433))
    url = warehouse(monkeypatch, {"iam": True})
    assert (url.username, url.password, url.port, dict(url.query)) == ("u", "token for db", 5433, {})

    def refuse(_self: Any, _connection: Any) -> Any:
        raise RuntimeError("no such profile")

    monkeypatch.setattr(hook, refuse)
    with pytest.raises(ConfigError, match="no such profile") as refused:
        warehouse(monkeypatch, {"iam": True})
    assert "aws_conn_id" in str(refused.value)


BACKEND = {
    "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
}
ASK = "from usage_ledger.airflow.credentials import find; print(find('fireworks_x').host)"


@pytest.mark.parametrize("named", ["", "_CMD", "_SECRET", "backend"])
def test_a_connection_of_the_secrets_backend_is_found_however_the_metadata_are_named(
    tmp_path: Path, named: str
) -> None:
    connections = {"fireworks_x": {"conn_type": "fireworks", "host": "https://api.fireworks.ai", "password": "k"}}
    (tmp_path / "connections.json").write_text(json.dumps(connections), encoding="utf-8")
    database = f"sqlite:////{tmp_path}/airflow.db"
    values = {"": database, "_CMD": f"echo {database}", "_SECRET": "sql_alchemy_conn"}
    by_name = {f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN{named}": values[named]} if named != "backend" else {}
    kwargs = json.dumps({"connections_file_path": str(tmp_path / "connections.json")})
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env=kept
        | BACKEND
        | by_name
        | {"AIRFLOW__SECRETS__BACKEND_KWARGS": kwargs, "AIRFLOW_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["https://api.fireworks.ai"], done.stderr
