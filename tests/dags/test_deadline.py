"""From when a run's deadline counts, and the alert that a Dag carries."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from airflow.models import DagRun
from airflow.serialization.serialized_objects import DagSerialization
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from usage_ledger.airflow.dag import build_dag
from usage_ledger.airflow.deadline import RunDue, tell_late
from usage_ledger.connections import connection_from
from usage_ledger.core import redaction

DUE = datetime(2026, 11, 3, 3, tzinfo=UTC)
RUNS = {"first": "scheduled", "second": "scheduled", "chosen": "manual", "filled": "backfill"}


def evaluated(run_id: str, *runs: str) -> datetime | None:
    """From when the deadline counts, among these runs of the Dag."""
    engine = create_engine("sqlite://")
    DagRun.__table__.create(engine)
    rows = [
        {"dag_id": "usage_acme", "run_id": one, "run_type": RUNS[one], "run_after": DUE, "state": "queued"}
        for one in runs
    ]
    more = {"triggered_by": None, "clear_number": 0, "log_template_id": None}
    with Session(engine) as session:
        columns = DagRun.__table__.columns.keys()
        session.execute(
            DagRun.__table__.insert(), [row | {k: v for k, v in more.items() if k in columns} for row in rows]
        )
        return RunDue()._evaluate_with(session=session, dag_id="usage_acme", run_id=run_id)


def test_a_scheduled_run_counts_from_when_it_was_due_whenever_it_was_made() -> None:
    assert evaluated("second", "first", "second") == DUE


def test_the_first_run_of_a_new_connection_counts_from_now() -> None:
    counted = evaluated("first", "first", "chosen")
    assert counted is not None
    assert abs(datetime.now(UTC) - counted) < timedelta(minutes=5)


@pytest.mark.parametrize(("run_id", "expected"), [("chosen", DUE), ("filled", None), ("second", None)])
def test_a_manual_run_counts_from_its_trigger_and_a_backfill_has_no_deadline(
    run_id: str, expected: datetime | None
) -> None:
    assert evaluated(run_id, "first", "chosen", "filled") == expected


def test_a_dag_carries_the_alert_of_its_file_alone() -> None:
    def deadline(**more: str) -> str:
        document = {"provider": "fireworks", "account": "acme", **more}
        dag = build_dag(connection_from("acme", document, "acme.yaml"))
        return json.dumps(DagSerialization.serialize_dag(dag).get("deadline"), default=str)

    assert deadline() == "null"
    text = deadline(deadline="90m")
    assert "usage_ledger.airflow.deadline.tell_late" in text
    assert "usage_ledger.airflow.deadline.RunDue" in text
    assert "5400" in text


def test_who_cannot_be_notified_keeps_no_other_from_hearing_and_shows_no_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret, heard = "https://hooks.example/T0ken-0f-a-team", list[tuple[str, str]]()

    def send(target: str, subject: str, _text: str) -> None:
        if target == "chat":
            raise RuntimeError(f"no answer from {secret}")
        heard.append((target, subject))

    redaction.protect(secret)
    monkeypatch.setenv("USAGE_LEDGER_NOTIFY", "chat, mail")
    monkeypatch.setattr("usage_ledger.airflow.notify.send", send)
    run = {"dag_run_id": "scheduled__2026-11-02", "logical_date": "2026-11-02T00:00:00Z"}
    asyncio.run(tell_late("acme", "90m", {"dag_run": run}))
    assert heard == [("mail", "Usage Ledger: acme is late")]
    assert "of usage date 2026-11-02 has not succeeded within 90m" in caplog.text
    assert "nobody was notified by chat: RuntimeError: no answer from ***" in caplog.text
    assert secret not in caplog.text
