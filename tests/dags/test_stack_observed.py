"""What a team's StatsD, OpenLineage and OpenTelemetry get of real tasks, and who hears that a run is late."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.stack import DEADLINES, Stack, wait_until

pytestmark = pytest.mark.stack

THROTTLED = "/accounts/late/billingUsage"
MISSED = """
SELECT r.run_id, d.missed FROM deadline AS d JOIN dag_run AS r ON r.id = d.dagrun_id WHERE r.dag_id = %s
"""


@pytest.fixture(scope="module")
def connected(stack: Stack) -> Iterator[Stack]:
    """A connection whose runs end in time, and one whose first run waits for its provider longer than its deadline."""
    stack.overruled.answers[THROTTLED] = (429, b'{"error": {"message": "slow down"}}')
    stack.overruled.headers[THROTTLED] = [(b"retry-after", b"40000")]
    with stack.api() as api:
        for name in DEADLINES:
            document = {"connection_id": name, "conn_type": "fireworks", "host": stack.provider, "login": name}
            api.post("/api/v2/connections", json=document | {"password": stack.key}).raise_for_status()
    for name, deadline in DEADLINES.items():
        path = Path(stack.environment["USAGE_LEDGER_CONNECTIONS"]) / f"{name}.yaml"
        path.write_text(f"provider: fireworks\naccount: {name}\nreports: [usage]\ndeadline: {deadline}\n", "utf-8")
    yield stack
    for name in DEADLINES:
        with stack.api() as api:
            for run_id in stack.runs(f"usage_{name}"):
                api.patch(f"/api/v2/dags/usage_{name}/dagRuns/{run_id}", json={"state": "failed"})
        assert stack.command("disconnect", name).returncode == 0
    del stack.overruled.answers[THROTTLED], stack.overruled.headers[THROTTLED]


@pytest.fixture(scope="module")
def run_id(connected: Stack) -> str:
    """The run that ends in time."""
    ((name, run),) = connected.wait_for_runs("usage_punctual", 1).items()
    assert run["state"] == "success"
    return name


def test_statsd_gets_the_counts_of_a_real_run(connected: Stack, run_id: str) -> None:
    def values() -> dict[str, float]:
        return {name: value for name, value, _ in list(connected.telemetry.metrics) if ".punctual." in name}

    of = "fireworks.punctual.usage"
    wait_until(lambda: f"airflow.usage_ledger.lag_hours.{of}" in values(), "the lag", 30)
    ((rows,),) = connected.query("SELECT count(*) FROM ledger.usage_daily WHERE connection_id = 'punctual'")
    assert values()[f"airflow.usage_ledger.rows.{of}"] == rows > 0
    assert values()[f"airflow.usage_ledger.bytes.{of}"] > 1000
    assert values()[f"airflow.usage_ledger.requests.{of}"] >= 1
    assert 0 < values()[f"airflow.usage_ledger.lag_hours.{of}"] < 48
    assert values()[f"airflow.usage_ledger.held_days.{of}"] == 0


def test_openlineage_gets_datasets_rows_dates_and_rules_of_each_task(connected: Stack, run_id: str) -> None:
    tasks = ("extract", "transform", "validate", "load")

    def events() -> dict[str, Any]:
        found = {name: connected.telemetry.completed("usage_punctual", name) for name in tasks}
        return {name: events[0] for name, events in found.items() if events}

    wait_until(lambda: len(events()) == 4, "an event of each task", 30)
    ended = events()

    def named(task: str, kind: str) -> list[str]:
        return sorted(f"{one['namespace']} {one['name']}" for one in ended[task][kind])

    assert f"{connected.provider} punctual/usage" in named("extract", "inputs")
    assert named("extract", "outputs") == named("transform", "inputs")
    assert named("transform", "outputs") == named("validate", "inputs") == named("load", "inputs")
    assert "postgres://localhost:5432 ledger.ledger.usage_daily" in named("load", "outputs")
    (usage,) = [one for one in ended["load"]["outputs"] if one["name"] == "ledger.ledger.usage_daily"]
    ((rows, first),) = connected.query(
        "SELECT count(*), min(usage_date) FROM ledger.usage_daily WHERE connection_id = 'punctual'"
    )
    assert usage["outputFacets"]["outputStatistics"]["rowCount"] == rows
    condition = json.dumps(usage["outputFacets"]["subset"])
    assert all(f'"{value}"' in condition for value in ("connection_id", "punctual", "usage_date", str(first)))
    assert "usage_date" in {one["name"] for one in usage["facets"]["schema"]["fields"]}
    checked = [one for one in ended["validate"]["inputs"] if one["name"].endswith("/usage_daily")]
    assertions = checked[0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert len(assertions) > 10
    assert all(one["success"] for one in assertions)
    facet = ended["load"]["run"]["facets"]["usageLedger_loads"]
    assert (facet["connection"], facet["provider"]) == ("punctual", "fireworks")
    assert {one["report"] for one in facet["loads"]} == {"usage", "prices", "api_keys"}
    assert connected.key not in json.dumps(connected.telemetry.lineage)


def test_opentelemetry_gets_a_span_of_each_step_within_that_of_its_task(connected: Stack, run_id: str) -> None:
    def of_run() -> dict[str, Any]:
        found = {}
        for span in list(connected.telemetry.spans):
            facts = {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
            if facts.get("usage_ledger.connection") == "punctual" and facts["usage_ledger.report"] == "usage":
                found[span.name] = (span, facts)
        return found

    names = {f"usage_ledger.{step}" for step in ("extract", "transform", "validate", "load")}
    wait_until(lambda: set(of_run()) == names, "the spans", 30)
    tasks = {span.span_id: span.name for span in list(connected.telemetry.spans) if span.name.startswith("worker.")}
    for name, (span, facts) in of_run().items():
        assert tasks[span.parent_span_id] == name.replace("usage_ledger", "worker")
        assert facts["usage_ledger.window.first"] <= facts["usage_ledger.window.last"]
    _, facts = of_run()["usage_ledger.load"]
    ((rows,),) = connected.query("SELECT count(*) FROM ledger.usage_daily WHERE connection_id = 'punctual'")
    assert facts["usage_ledger.rows"] == rows


def test_a_late_run_is_told_by_mail_and_one_in_time_is_not(connected: Stack, run_id: str) -> None:
    def subjects() -> list[str]:
        return [str(message["subject"]) for message in list(connected.mail.messages)]

    wait_until(lambda: "Usage Ledger: late is late" in subjects(), "the message", 240)
    ((late, run),) = connected.runs("usage_late").items()
    assert run["state"] == "running"
    (message,) = [one for one in connected.mail.messages if "late is late" in str(one["subject"])]
    text = message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert f"Run {late} of usage date {run['logical_date'][:10]} has not succeeded within 1m" in " ".join(text.split())
    assert connected.query(MISSED, "airflow", "usage_late") == [(late, True)]
    assert connected.query(MISSED, "airflow", "usage_punctual") == []  # the scheduler took it away at the run's end
    assert "Usage Ledger: punctual is late" not in subjects()
