"""The Dag `usage_alerts`: when it runs, what its task does, and whom it notifies."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import AssetAlias
from airflow.serialization.serialized_objects import DagSerialization
from kit.smtp_sink import Sink, smtp_sink
from kit.task_failure import failure
from sqlalchemy import Engine

from usage_ledger.airflow import listener
from usage_ledger.airflow.alerts import alert, build_alerts_dag
from usage_ledger.airflow.notify import send
from usage_ledger.cli.alerts import alerts
from usage_ledger.connections import checked_id
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import ROOT

Query = Callable[..., list[tuple[Any, ...]]]
YAML = "provider: fireworks\naccount: acme\n"
EVENT = """
INSERT INTO ops.event (connection_id, usage_date, kind, severity, message, next_step)
VALUES ('acme', %s, 'bill_differs', 'error', 'the bill is 9 USD higher than <what> was metered', 'ask the vendor')
RETURNING 1
"""


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    """A mail server, and the connection `mail` to it, by which everything is notified."""
    with smtp_sink() as sink:
        stored = {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": sink.port,
            "password": "pw-that-nobody-sees",
            "extra": {
                "disable_ssl": True,
                "disable_tls": True,
                "from_email": "ledger@acme.test",
                "to": "finance@acme.test, it@acme.test",
                "retry_limit": 0,
                "timeout": 5,
            },
        }
        monkeypatch.setenv("AIRFLOW_CONN_MAIL", json.dumps(stored))
        monkeypatch.setenv("USAGE_LEDGER_NOTIFY", "mail")
        yield sink


@pytest.fixture
def task(engine: Engine, query: Query, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The task, beside a warehouse and files of the test's own."""
    url = engine.url
    stored = {
        "conn_type": "postgres",
        "login": url.username,
        "schema": url.database,
        "extra": {"host": url.query["host"]},
    }
    monkeypatch.setenv("AIRFLOW_CONN_USAGE_WAREHOUSE", json.dumps(stored))
    for name in ("BUDGETS", "OWNERS"):
        monkeypatch.setenv(f"USAGE_LEDGER_{name}", str(tmp_path / f"{name.lower()}.yaml"))
    monkeypatch.setenv("USAGE_LEDGER_PRICES", str(tmp_path))
    yield alert
    query("WITH gone AS (DELETE FROM ops.event RETURNING 1) SELECT count(*) FROM gone")
    query("WITH gone AS (DELETE FROM ops.alert RETURNING 1) SELECT count(*) FROM gone")


def test_it_runs_after_the_loads_of_every_connection_and_daily(tmp_path: Path) -> None:
    for name in ("acme_prod", "acme_test"):
        (tmp_path / f"{name}.yaml").write_text(YAML, encoding="utf-8")
    dag = build_alerts_dag(tmp_path)
    assert set(dag.schedule.asset_condition.objects) == {  # type: ignore[union-attr]
        AssetAlias("loaded/acme_prod"),
        AssetAlias("loaded/acme_test"),
    }
    assert (dag.max_active_runs, dag.catchup, dag.is_paused_upon_creation) == (1, False, False)
    once, again = (DagSerialization.serialize_dag(build_alerts_dag(tmp_path)) for _ in range(2))
    assert json.dumps(once, sort_keys=True, default=str) == json.dumps(again, sort_keys=True, default=str)
    assert once["dag_id"] == "usage_alerts"


PARSE = """
import json, runpy, socket, sys
import airflow.sdk
before = set(sys.modules)
def refuse(*_):
    raise AssertionError("a parse asks nobody")
socket.socket.connect = refuse
dags = [value.dag_id for value in runpy.run_path(sys.argv[1]).values() if type(value).__name__ == "DAG"]
print(json.dumps([dags, sorted({name.split(".")[0] for name in set(sys.modules) - before})]))
"""
HEAVY = {
    "pandas",
    "pyarrow",
    "great_expectations",
    "msgspec",
    "psycopg2",
    "zstandard",
    "httpx",
    "sqlalchemy",
    "smtplib",
}


def test_a_parse_asks_nobody_and_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(YAML, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(ROOT / "dags" / "usage_alerts.py")],
        env=os.environ | {"USAGE_LEDGER_CONNECTIONS": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    dags, added = json.loads(done.stdout.splitlines()[-1])
    assert dags == ["usage_alerts"]
    assert not HEAVY & set(added)


def test_without_a_connection_it_runs_daily(tmp_path: Path) -> None:
    dag = build_alerts_dag(tmp_path)
    assert DagSerialization.serialize_dag(dag)
    assert [one.task_id for one in dag.tasks] == ["alert"]


def test_no_connection_takes_its_name_and_its_runs_are_no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="'alerts' is the name of a Dag of its own"):
        checked_id("alerts")
    monkeypatch.setattr("usage_ledger.airflow.listener._ensure_pools", lambda: pytest.fail("it is of no connection"))
    listener.on_dag_run_running(SimpleNamespace(dag_id="usage_alerts"), "")


def test_a_finding_is_mailed_once(task: Callable[[], None], mail: Sink, query: Query) -> None:
    query(EVENT, "2026-11-17")
    task()
    task()
    (message,) = mail.messages
    assert message["to"] == "finance@acme.test, it@acme.test"
    assert message["subject"] == "Usage Ledger: the bill is 9 USD higher than <what> was metered"
    body = message.get_body(("html",))
    assert body is not None
    assert "than &lt;what&gt; was metered\n  Next step: ask the vendor" in body.get_content()
    assert query("SELECT sent_to, sent_at IS NULL FROM ops.alert") == [(["mail"], False)]


def test_a_mail_that_is_refused_is_sent_by_the_next_run_and_the_task_says_so(
    task: Callable[[], None], mail: Sink, query: Query
) -> None:
    query(EVENT, "2026-11-17")
    mail.refuse = 1
    with pytest.raises(failure(ConfigError), match="mail was not notified of 1 alert") as caught:
        task()
    assert "pw-that-nobody-sees" not in str(caught.value)
    assert query("SELECT sent_at FROM ops.alert") == [(None,)]
    task()
    assert len(mail.messages) == 1


def test_a_file_that_cannot_be_right_stops_no_other_step_and_no_alert(
    task: Callable[[], None], mail: Sink, query: Query, tmp_path: Path
) -> None:
    (tmp_path / "budgets.yaml").write_text("budgets: [{name: a, team: t, month: 3 BTC}]", encoding="utf-8")
    query(EVENT, "2026-11-17")
    with pytest.raises(
        failure(ConfigError), match=r"budgets\.yaml, line 1, key `budgets\[0\]\.month`: 'BTC' is no currency"
    ):
        task()
    assert len(mail.messages) == 1


@pytest.mark.parametrize(
    ("stored", "sentence"),
    [
        (None, "there is no Airflow connection 'one' to notify by"),
        ({"conn_type": "http"}, "Airflow connection 'one' is of type http, by which nobody can be notified"),
        ({"conn_type": "smtp", "host": "127.0.0.1"}, "Airflow connection 'one' says nowhere to send to"),
    ],
    ids=["no connection", "another type", "no address"],
)
def test_a_connection_that_cannot_notify_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, stored: dict[str, str] | None, sentence: str
) -> None:
    if stored:
        monkeypatch.setenv("AIRFLOW_CONN_ONE", json.dumps(stored))
    with pytest.raises(ConfigError) as caught:
        send("one", "subject", "text")
    assert caught.value.sentence == sentence


@pytest.mark.parametrize("kind", ["slackwebhook", "apprise"])
def test_a_provider_that_is_not_installed_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setitem(sys.modules, "airflow.providers.slack", None)
    monkeypatch.setitem(sys.modules, "airflow.providers.apprise", None)
    monkeypatch.setenv("AIRFLOW_CONN_ONE", json.dumps({"conn_type": kind, "password": "T0/B0/secret-of-the-hook"}))
    with pytest.raises(ConfigError, match=r"install usage-ledger\[notify\]") as caught:
        send("one", "subject", "text")
    assert "secret-of-the-hook" not in str(caught.value)


def test_the_command_sends_a_test_by_a_connection(mail: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usage_ledger.cli.context.require_stack_database", lambda: None)
    alerts(send_test="mail")
    assert [message["Subject"] for message in mail.messages] == ["Usage Ledger: a test"]
    with pytest.raises(ConfigError, match="there is no Airflow connection 'nobody'"):
        alerts(send_test="nobody")
    mail.refuse = 9
    with pytest.raises(ConfigError, match="mail took no message") as refusal:
        alerts(send_test="mail")
    assert "pw-that-nobody-sees" not in str(refusal.value)


def test_the_command_shows_alerts_that_have_not_ended(
    engine: Engine, query: Query, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usage_ledger.cli.context.command_engine", lambda: engine)
    names = {"shown_b": "NULL", "ended_b": "now()"}
    insert = "INSERT INTO ops.alert (kind, name, period, level, message, cleared_at) VALUES {} RETURNING 1"
    rows = (f"('budget', '{name}', '2026-11-01', '80', 'near', {end})" for name, end in names.items())
    query(insert.format(", ".join(rows)))
    shown = {}
    for every in (False, True):
        alerts(every=every, json=True)
        shown[every] = {row["name"] for row in json.loads(capsys.readouterr().out)["alerts"]}
    query("DELETE FROM ops.alert WHERE name IN ('shown_b', 'ended_b') RETURNING 1")
    assert "shown_b" in shown[False]
    assert shown[True] - shown[False] >= {"ended_b"}
