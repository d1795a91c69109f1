"""What a task tells of its steps: as StatsD's datagrams, OpenTelemetry's metrics, and OpenLineage's datasets."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest
from kit.airflow_metrics import start_metrics
from kit.fireworks_answers import serverless, usage
from kit.provider_site import DAY, FIRST, KEY, LAST, USAGE, Site
from kit.telemetry import Telemetry, telemetry
from openlineage.client.serde import Serde
from sqlalchemy import create_engine

from usage_ledger.airflow import metrics, observed
from usage_ledger.airflow.spans import span_of
from usage_ledger.connections import Connection
from usage_ledger.core import redaction
from usage_ledger.core.project import ROOT
from usage_ledger.core.steps import Step, count, observed_by, running
from usage_ledger.core.windows import Window
from usage_ledger.pipeline.run import Ran

SETTINGS = {
    "names": {"AIRFLOW__METRICS__STATSD_ON": "True"},
    "tags": {"AIRFLOW__METRICS__STATSD_ON": "True", "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True"},
}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Telemetry]:
    with telemetry() as taken:
        yield taken


@pytest.fixture
def sends(receiver: Telemetry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Makes Airflow's metrics of this process go to the receiver, as they do in a task's process."""

    def switch_on(kind: str) -> None:
        for name, value in SETTINGS[kind].items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(receiver.statsd_port))
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
        receiver.metrics.clear()
        metrics.backend.cache_clear()
        start_metrics()

    yield switch_on
    monkeypatch.undo()
    metrics.backend.cache_clear()
    start_metrics()


@observed.observed
def task_of(site: Site) -> Ran:
    """All steps of two reports in one task, as `repair` does them."""
    connection = Connection(id=site.name, provider="fireworks", account=site.name, reports=("usage", "cost"))
    observed.note_places(connection, site.engine, site.root)
    return site.run()


def received(receiver: Telemetry, last: str) -> dict[str, float]:
    """The newest value of each metric, without Airflow's prefix, once the last one is there."""
    for _ in range(100):
        values = {name.removeprefix("airflow.usage_ledger."): value for name, value, _ in list(receiver.metrics)}
        if last in values:
            return values
        time.sleep(0.05)
    pytest.fail(f"{last} is not among {sorted(values)}")


def test_statsd_gets_a_metric_with_connection_and_report_in_its_name(
    site: Site, receiver: Telemetry, sends: Callable[[str], None]
) -> None:
    sends("names")
    ran = task_of(site)
    assert ran.failures == []
    of = f"fireworks.{site.name}"
    values = received(receiver, f"lag_hours.{of}.usage")
    outcome = next(outcome for report, _, outcome in ran.loads if report == "usage")
    ((rows,),) = site.query("SELECT count(*) FROM ledger.usage_daily WHERE connection_id = %s", site.name)
    assert (values[f"rows.{of}.usage"], outcome.rows) == (rows, rows)
    assert values[f"changed_rows.{of}.usage"] == sum(outcome.changed.values())
    documented = re.findall(
        r"^\| `usage_ledger\.(\w+)` \|", (ROOT / "docs/observability.md").read_text("utf-8"), re.MULTILINE
    )
    assert {name.split(".")[0] for name in values} | {"retries"} == set(documented)
    requests = [value for name, value in values.items() if name.startswith(f"requests.{of}.")]
    assert sum(requests) == len(site.provider.requests)
    assert values[f"bytes.{of}.usage"] > 1000
    assert values[f"held_days.{of}.usage"] == 0
    hours = (datetime.now(UTC) - datetime(LAST.year, LAST.month, LAST.day, tzinfo=UTC) - DAY) / timedelta(hours=1)
    assert values[f"lag_hours.{of}.usage"] == pytest.approx(hours, abs=0.1)
    assert f"retries.{of}.usage" not in values


def test_a_dialect_with_tags_gets_them_and_a_held_day_counts(
    site: Site, receiver: Telemetry, sends: Callable[[str], None]
) -> None:
    assert site.run().failures == []
    site.provider.answers[f"/{site.name}{USAGE}"] = (200, usage(serverless(FIRST)))
    sends("tags")
    task_of(site)
    tags = f",provider=fireworks,connection={site.name},report=usage"
    values = received(receiver, f"held_days{tags}")
    assert values[f"held_days{tags}"] == 1
    assert values[f"rows{tags}"] == 1


def test_a_retry_is_counted_and_so_is_the_request_of_a_step_that_fails(
    site: Site, receiver: Telemetry, sends: Callable[[str], None]
) -> None:
    site.provider.answers[f"/{site.name}{USAGE}"] = (503, b"{}")
    sends("names")
    assert len(task_of(site).failures) == 1
    of = f"fireworks.{site.name}.usage"
    values = received(receiver, f"lag_hours.fireworks.{site.name}.cost")
    assert values[f"retries.{of}"] == 3
    assert values[f"requests.{of}"] == 6  # the lists of accounts and keys, and four of the report
    assert f"rows.{of}" not in values
    assert f"lag_hours.{of}" not in values


def test_a_backend_that_raises_fails_no_task(
    site: Site, sends: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_values: Any, **_named: Any) -> None:
        raise RuntimeError(f"no route for {KEY}")

    sends("names")
    monkeypatch.setattr(metrics, "_send", broken)
    observed.redact.__globals__["protect"](KEY)
    assert task_of(site).failures == []
    assert "its metrics could not be sent: RuntimeError" in caplog.text
    assert KEY not in caplog.text


OTLP = """
from collections import Counter
from datetime import date
from kit.airflow_metrics import start_metrics
from usage_ledger.airflow import metrics
from usage_ledger.core.steps import Step
from usage_ledger.core.windows import Window
start_metrics()
step = Step("load", "acme", "usage", Window(date(2026, 11, 1), date(2026, 11, 2)), "1", counts=Counter(rows=7))
metrics.send_step(step, "openai")
"""


def in_a_process(script: str, **settings: str) -> str:
    """What a script prints, in a process of its own with these settings."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")} | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_opentelemetry_gets_metrics_with_tags(receiver: Telemetry) -> None:
    address = f"http://127.0.0.1:{receiver.http_port}"
    in_a_process(
        OTLP,
        AIRFLOW__METRICS__OTEL_ON="True",
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=f"{address}/v1/metrics",
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
    )
    tags = {"provider": "openai", "connection": "acme", "report": "usage"}
    assert ("airflow.usage_ledger.rows", tags, 7) in receiver.points


OFF = """
import sys
from usage_ledger.airflow import tasks, metrics, spans
from usage_ledger.airflow.observed import _observers
import usage_ledger.airflow.dag
names = ("openlineage", "airflow.providers.openlineage.plugins", "statsd", "usage_ledger.airflow.lineage",
         "usage_ledger.airflow.deadline", "usage_ledger.warehouse.coverage")
print(len(list(_observers())), [name for name in sys.modules if name.startswith(names)])
"""


def test_what_is_switched_off_imports_nothing_and_observes_nothing() -> None:
    assert in_a_process(OFF) == "1 []\n"
    printed = in_a_process(OFF, AIRFLOW__METRICS__STATSD_ON="True", AIRFLOW__TRACES__OTEL_ON="True")
    assert printed.split()[0] == "3"


def test_a_count_is_that_of_the_step_that_runs_and_nothing_is_counted_outside() -> None:
    ended: list[Step] = []
    step = Step("extract", "acme", "usage", Window(FIRST, LAST), "1")
    count("requests")
    with observed_by(lambda one: _noting(one, ended)), pytest.raises(ValueError, match="no"), running(step):
        count("requests", 2)
        raise ValueError("no")
    count("requests")
    assert [(one.counts, one.error) for one in ended] == [({"requests": 2}, "ValueError")]


def _noting(step: Step, ended: list[Step]) -> Any:
    from contextlib import contextmanager

    @contextmanager
    def noting() -> Iterator[None]:
        try:
            yield
        finally:
            ended.append(step)

    return noting()


def lineage(site: Site) -> dict[str, Any]:
    """What OpenLineage's provider gets of the task that ran last, as it sends it."""
    from usage_ledger.airflow.lineage import lineage_of

    found = lineage_of(observed.task)
    assert found is not None
    told = {name: Serde.to_dict(facet) for name, facet in found.run_facets.items()}
    for kind, datasets in (("inputs", found.inputs), ("outputs", found.outputs)):
        sent = [Serde.to_dict(one) for one in datasets]
        told[kind] = {f"{one['namespace']} {one['name']}": one for one in sent}
    assert KEY not in json.dumps(told)
    return told


def test_lineage_names_datasets_rows_dates_and_rules(site: Site) -> None:
    assert task_of(site).failures == []
    told = lineage(site)
    found = told["outputs"]
    table = next(name for name in found if name.endswith(".ledger.usage_daily"))
    assert table.startswith("postgres://localhost:5432 warehouse_")
    assert f"{site.url} {site.name}/usage" in told["inputs"]
    raw = next(name for name in found if name.startswith(f"file {site.root}/fireworks/{site.name}-"))
    assert raw.endswith(("/usage", "/cost"))
    assert f"file {site.root}/_staged/{site.name}/cost_daily" in told["inputs"].keys() & found.keys()
    ((rows,),) = site.query("SELECT count(*) FROM ledger.usage_daily WHERE connection_id = %s", site.name)
    output = found[table]["outputFacets"]
    assert output["outputStatistics"]["rowCount"] == rows
    condition = output["subset"]["outputCondition"]
    assert condition["right"]["right"]["value"] == str(LAST + DAY)
    assert condition["left"]["right"]["right"]["value"] == str(FIRST)
    assert condition["left"]["left"]["right"]["value"] == site.name
    columns = {one["name"]: one["type"] for one in found[table]["facets"]["schema"]["fields"]}
    assert columns["usage_date"] == "date"
    loads = [(one["step"], one["report"], one["from"], one["to"]) for one in told["usageLedger_loads"]["loads"]]
    dates = (str(FIRST), str(LAST))
    assert [one for one in loads if one[1] == "usage"] == [
        (step, "usage", *dates) for step in ("extract", "transform", "validate", "load")
    ]


def test_lineage_says_which_rule_a_date_breaks_and_that_it_was_not_loaded(site: Site, monkeypatch: Any) -> None:
    from usage_ledger.pipeline import validate
    from usage_ledger.pipeline.findings import Finding

    rule = "expect_column_values_to_not_be_null(usage_date)"
    finding = Finding(rule, "no date", 3, (), critical=True, dates=frozenset({FIRST}))
    real = validate.check

    def check(table: Any, *values: Any, **named: Any) -> list[Finding]:
        return [finding] if table.table == "usage_daily" else real(table, *values, **named)

    monkeypatch.setattr(validate, "check", check)
    task_of(site)
    told = lineage(site)
    quality = told["inputs"][f"file {site.root}/_staged/{site.name}/usage_daily"]["inputFacets"]
    broken = [one for one in quality["dataQualityAssertions"]["assertions"] if not one["success"]]
    assert [(one["assertion"], one["column"]) for one in broken] == [
        ("expect_column_values_to_not_be_null", "usage_date")
    ]
    assert len(quality["dataQualityAssertions"]["assertions"]) > 10
    validated = [one for one in told["usageLedger_loads"]["loads"] if one["step"] == "validate"]
    assert [one["failed"] for one in validated if one["report"] == "usage"] == [[str(FIRST)]]
    assert date.fromisoformat(validated[0]["to"]) == LAST


def test_lineage_of_a_task_that_checks_nothing_does_not_import_what_checks() -> None:
    """OpenLineage's provider waits ten seconds for a task's lineage; not every worker has loaded it beforehand."""
    script = "import sys, usage_ledger.airflow.lineage; print('great_expectations' in sys.modules)"
    assert in_a_process(script).split()[-1] == "False"


def test_a_dataset_has_no_credential_in_its_name() -> None:
    """Raw storage's address may name one, and the warehouse's has a password."""
    from usage_ledger.airflow.lineage import lineage_of

    connection = Connection(id="acme", provider="fireworks", account="acme")
    engine = create_engine("postgresql+psycopg2://loader:pa55word@warehouse/ledger")
    steps = [
        Step("extract", "acme", "usage", Window(FIRST, LAST), "1", origin="https://api.fireworks.ai"),
        Step("load", "acme", "usage", Window(FIRST, LAST), "1", rows={"usage_daily": 1}),
    ]
    task = observed.Task(connection, engine, cast(Any, "s3://access:s3cret@bucket/raw"), steps)
    lineage = lineage_of(task)
    assert lineage is not None
    places = {(one.namespace, one.name.split("/")[0]) for one in (*lineage.inputs, *lineage.outputs)}
    assert ("s3://bucket", "raw") in places
    assert ("postgres://warehouse:5432", "ledger.ledger.usage_daily") in places
    assert all(word not in repr(lineage) for word in ("access", "s3cret", "loader", "pa55word"))


def test_the_span_of_a_step_that_fails_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("opentelemetry.trace.get_tracer", provider.get_tracer)
    redaction.protect(KEY)
    step = Step("extract", "acme", "usage", Window(FIRST, LAST), "1")
    with observed_by(span_of), pytest.raises(RuntimeError), running(step):
        raise RuntimeError(f"no access with {KEY}")
    (span,) = exporter.get_finished_spans()
    assert span.status.description == "RuntimeError: no access with ***"
    assert KEY not in span.to_json()
