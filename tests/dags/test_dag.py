"""The Dags that connection files become, and the plan of each kind of run."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import AssetAlias, Param
from airflow.sdk.exceptions import AirflowFailException
from airflow.serialization.serialized_objects import DagSerialization

from usage_ledger.airflow import listener, retry_policy
from usage_ledger.airflow.connection_text import parse
from usage_ledger.airflow.credentials import Stored, find
from usage_ledger.airflow.dag import build_dag, build_dags
from usage_ledger.airflow.provider_info import get_provider_info
from usage_ledger.airflow.task_log import explained
from usage_ledger.airflow.timetable import UsageDay
from usage_ledger.airflow.versions import has_retry_policy
from usage_ledger.connections import Connection, connection_from
from usage_ledger.core import errors, provider_errors, warehouse_errors
from usage_ledger.providers import PROVIDERS

YAML = "provider: fireworks\naccount: acme\ntimezone: America/Los_Angeles\nat: '04:30'\n"
STEPS = ("extract", "transform", "validate", "load")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "acme_prod.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


def a_connection(**more: Any) -> Connection:
    return connection_from("acme_prod", {"provider": "fireworks", "account": "acme", **more}, "acme_prod.yaml")


def test_a_file_becomes_a_daily_dag_of_four_tasks_and_a_repair(folder: Path) -> None:
    (dag,) = build_dags(folder).values()
    assert dag.dag_id == "usage_acme_prod"
    assert dag.schedule == UsageDay("04:30", "America/Los_Angeles")
    assert [task.task_id for task in dag.topological_sort()] == [*STEPS, "repair"]
    assert dag.catchup is False
    assert dag.is_paused_upon_creation is False
    assert dag.tags == {"usage-ledger", "fireworks"}
    assert dag.get_task("extract").pool == "fireworks"
    assert dag.get_task("load").outlets == [AssetAlias("loaded/acme_prod")]
    assert {task.owner for task in dag.tasks} == {"usage-ledger"}
    assert all(task.retries >= 3 and task.execution_timeout for task in dag.tasks)
    assert {bool(getattr(task, "retry_policy", None)) for task in dag.tasks} == {has_retry_policy()}
    assert dag.params.validate() == {"from": None, "to": None}
    assert "acme" in (dag.doc_md or "")
    assert DagSerialization.serialize_dag(dag)["dag_id"] == dag.dag_id


def test_building_a_dag_does_not_prove_its_params_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the same in all, and to prove them costs a third of what a Dag costs."""
    proved: list[Param] = []
    monkeypatch.setattr(Param, "resolve", lambda param, *_given, **_named: proved.append(param))
    assert len(build_dags(folder)) == 1
    assert proved == []


def test_a_parse_is_the_same_each_time(folder: Path) -> None:
    once, again = (DagSerialization.serialize_dag(dag) for _ in range(2) for dag in build_dags(folder).values())
    assert json.dumps(once, sort_keys=True, default=str) == json.dumps(again, sort_keys=True, default=str)


@pytest.mark.skipif(not has_retry_policy(), reason="Airflow before 3.3 has no retry policies")
def test_the_retry_policy_goes_by_the_family_of_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_LEDGER_RETRY_SCALE", "1")
    policy = retry_policy.UsageLedgerRetryPolicy()

    def decided(error: BaseException, attempt: int = 1) -> tuple[str, timedelta | None]:
        decision = policy.evaluate(error, attempt, 4)
        return decision.action.value, decision.retry_delay

    assert decided(provider_errors.BadKey("no")) == ("fail", None)
    assert decided(provider_errors.RateLimited("slow", retry_after=1800)) == ("retry", timedelta(minutes=30))
    assert decided(provider_errors.RateLimited("slow", retry_after=10**9)) == ("retry", timedelta(hours=24))
    assert decided(provider_errors.ProviderDown("down")) == ("retry", timedelta(minutes=5))
    assert decided(provider_errors.ProviderDown("down"), 3) == ("retry", timedelta(minutes=20))
    assert decided(provider_errors.ProviderDown("down"), 9) == ("retry", timedelta(hours=1))
    assert decided(RuntimeError("a defect")) == ("default", None)
    monkeypatch.setenv("USAGE_LEDGER_RETRY_SCALE", "0.1")
    assert decided(provider_errors.RateLimited("slow", retry_after=1800)) == ("retry", timedelta(minutes=3))
    reason = policy.evaluate(provider_errors.BadKey("x" * 3000), 1, 4).reason
    assert reason is not None
    assert len(reason) <= 500


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (provider_errors.BadKey("no"), AirflowFailException),
        (provider_errors.ProviderDown("down"), provider_errors.ProviderDown),
    ],
)
def test_without_retry_policies_a_task_fails_at_once_where_a_person_must_act(
    error: errors.UsageLedgerError, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_policy, "has_retry_policy", lambda: False)

    @explained
    def step() -> None:
        raise error

    with pytest.raises(kind, match=str(error)):
        step()
    assert retry_policy.policy() == {}


def test_every_provider_has_a_connection_type_with_a_form_and_a_hook() -> None:
    info = get_provider_info()
    types = {entry["connection-type"]: entry for entry in info["connection-types"]}
    assert set(types) == set(PROVIDERS)
    for name, entry in types.items():
        module, _, hook = entry["hook-class-name"].rpartition(".")
        made = getattr(__import__(module, fromlist=[hook]), hook)
        assert made.conn_type == name
        assert made.hook_name == entry["hook-name"]
        assert "login" not in entry["ui-field-behaviour"]["hidden-fields"]
        assert entry["ui-field-behaviour"]["relabeling"]["login"] == PROVIDERS[name].account.label
        assert all(field["description"] for field in entry["conn-fields"].values())


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            "postgres://bi%40x:p%2Fw@db.example:5433/usage?sslmode=require",
            Stored("postgres", "db.example", "bi@x", "p/w", 5433, "usage", {"sslmode": "require"}),
        ),
        (
            '{"conn_type": "fireworks", "password": "k", "extra": {"account": "acme"}}',
            Stored("fireworks", None, None, "k", None, None, {"account": "acme"}),
        ),
        ("fireworks://:k%3D@/?account=acme", Stored("fireworks", None, None, "k=", None, None, {"account": "acme"})),
    ],
)
def test_a_connection_of_the_environment_is_read_in_both_of_airflows_forms(told: str, expected: Stored) -> None:
    assert parse(told) == expected
    assert str(expected.password) not in repr(expected).replace("fireworks", "")


@pytest.mark.parametrize(
    "told",
    [
        "postgres://bi:s3cr3t/word@db.example:5432/usage",
        "postgres://bi:s3cr3t?word@db.example:5432/usage",
        "postgres://bi:s3cr3t#word@db.example:5432/usage",
        "postgres://bi:s3cr3t[word@db.example:5432/usage",
        '{"password": "s3cr3t',
        '{"password": "s3cr3t", "port": ["s3cr3t"]}',
        '{"password": "s3cr3t", "extra": "s3cr3t"}',
    ],
)
def test_a_connection_that_cannot_be_read_is_named_and_nothing_of_it_is_told(
    told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ACME", told)
    with pytest.raises(errors.ConfigError, match="AIRFLOW_CONN_ACME") as caught:
        find("acme")
    assert "s3cr3t" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__


def test_the_scheduler_says_so_when_pools_cannot_be_checked(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def down() -> list[str]:
        raise warehouse_errors.WarehouseDown("no metadata")

    monkeypatch.setattr("usage_ledger.airflow.store.ensure_pools", down)
    monkeypatch.setattr("sys.argv", ["airflow", "scheduler"])
    with caplog.at_level(logging.ERROR):
        listener.on_dag_run_running(SimpleNamespace(dag_id="usage_acme"), "")
    assert "waits for ever" in caplog.text
    caplog.clear()
    listener.on_dag_run_running(SimpleNamespace(dag_id="another"), "")
    assert caplog.text == ""


def test_a_dag_carries_nothing_that_changes_by_itself() -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert today not in json.dumps(DagSerialization.serialize_dag(build_dag(a_connection())), default=str)
