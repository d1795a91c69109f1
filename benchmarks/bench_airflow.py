"""What connections cost Airflow, beside empty Dags of four tasks in an equal Airflow: `make bench-airflow`.

Local stacks of their own, with the settings that `make up` writes (many connections: and `WIDE`), and the sandbox for a
provider. Wall seconds are Airflow's: from the start of the first run to the end of the last one.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg2
import report

from usage_ledger.airflow.dag import share_of
from usage_ledger.local.processes import free_port

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BIN = Path(sys.executable).parent
EMPTY = '''\
"""Empty Dags: four tasks in a row that do nothing."""

from datetime import datetime, UTC

from airflow.sdk import DAG, get_parsing_context, task

wanted = get_parsing_context().dag_id  # a task process builds its own Dag alone, as ours does


def nothing() -> None:
    pass


for dag_id in [f"{prefix}{{number}}" for number in range({count})]:
    if wanted and wanted != dag_id:
        continue
    with DAG(
        dag_id,
        schedule={schedule},
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=4,
    ) as dag:
        made = [task(nothing, task_id=name)() for name in ("extract", "transform", "validate", "load")]
        made[0] >> made[1] >> made[2] >> made[3]
    globals()[dag.dag_id] = dag
'''
WIDE = {"DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60", "DAG_PROCESSOR__STALE_DAG_THRESHOLD": "150"}
"""The Dag processor's intervals that docs/scaling.md names for 1,000 connections."""
PARTS = ("parsing", "backfill", "poisoned", "daily")
SECONDS_AND_FAILURES = "extract(epoch FROM max(end_date) - min(start_date)), count(*) FILTER (WHERE state <> 'success')"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--days", type=int, default=365)
    options.add_argument("--connections", type=int, default=1000)
    options.add_argument("--registry", type=int, default=10_000)
    options.add_argument("--poisoned", type=int, default=100)
    options.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some of the measurements")
    options.add_argument("--dry", action="store_true", help="print the figures and write nothing")
    sizes = options.parse_args()
    figures = {}
    if "parsing" in sizes.only:
        figures |= {**parsing(sizes.connections), **worker(sizes.registry)}
    if {"backfill", "poisoned"} & {*sizes.only}:
        with stack(accounts(max(1, sizes.poisoned))) as local:
            if "backfill" in sizes.only:
                figures |= backfill(local, sizes.days)
            if "poisoned" in sizes.only:
                figures |= poisoned(local, sizes.poisoned)
    if "daily" in sizes.only:
        figures |= daily(sizes.connections)
    if sizes.dry:
        print(json.dumps(figures, indent=1))  # noqa: T201
    else:
        report.write(ROOT / "docs", figures)


def parsing(count: int) -> dict[str, Any]:
    """Parse and serialise, beside as many empty Dags; the medians of five."""
    with tempfile.TemporaryDirectory(prefix="ulbench") as name:
        folder = Path(name)
        (folder / "empty.py").write_text(
            EMPTY.format(count=count, prefix="empty_", schedule='"@daily"'), encoding="utf-8"
        )
        (folder / "connections").mkdir()
        for number in range(count):
            connect(folder / "connections", f"c{number}")
        environment = own_environment(folder)
        # In turns, so that a busy moment of the machine meets both.
        rounds = [(parsed(ROOT / "dags", environment), parsed(folder / "empty.py", environment)) for _ in range(5)]
        ours, empty = (statistics.median(one) for one in zip(*rounds, strict=True))
    told(f"parsing {count}: ours {ours:.2f} s, empty {empty:.2f} s")
    return {"parse_1000_vs_empty": ours / empty}


def worker(count: int) -> dict[str, Any]:
    """What a task process parses when the registry is large: its own Dag alone."""
    with tempfile.TemporaryDirectory(prefix="ulbench") as name:
        folder = Path(name)
        (folder / "connections").mkdir()
        for number in range(count):
            connect(folder / "connections", f"c{number}")
        environment = own_environment(folder) | {"_AIRFLOW_PARSING_CONTEXT_DAG_ID": f"usage_c{count - 1}"}
        path = ROOT / "dags" / f"usage_{share_of(f'c{count - 1}')}.py"
        seconds = statistics.median(parsed(path, environment, dags=1) for _ in range(5))
    told(f"a worker's parse of one of {count}: {seconds:.2f} s")
    return {"worker_parse_10000_s": seconds}


def own_environment(folder: Path) -> dict[str, str]:
    """An Airflow that has nothing but this folder."""
    return os.environ | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "USAGE_LEDGER_CONNECTIONS": str(folder / "connections"),
    }


def parsed(path: Path, environment: dict[str, str], dags: int | None = None) -> float:
    """Seconds that a fresh process takes for a Dag file."""
    done = subprocess.run(
        [sys.executable, str(HERE / "parse.py"), str(path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    if dags is not None and found["dags"] != dags:
        raise SystemExit(f"{found['dags']} Dags were made, not {dags}")
    return float(found["seconds"])


@dataclass
class Local:
    """A running stack, a folder for further Dags, and how to speak with both."""

    folder: Path
    address: str
    environment: dict[str, str]

    def connect(self, names: list[str]) -> None:
        for name in names:
            connect(self.folder / "connections", name)

    def empty(self, count: int, prefix: str, schedule: str) -> None:
        text = EMPTY.format(count=count, prefix=prefix, schedule=schedule)
        (self.folder / "more" / f"{prefix}.py").write_text(text, encoding="utf-8")

    def remove(self, prefix: str) -> None:
        (self.folder / "more" / f"{prefix}.py").unlink()

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(host=str(self.folder / "postgres"), user="postgres", dbname="airflow")
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def wait_for_dags(self, like: str, count: int) -> None:
        until(lambda: self.query("SELECT count(*) FROM dag WHERE dag_id LIKE %s", like)[0][0] >= count, f"Dags {like}")

    def seconds(self, like: str, run_type: str, count: int) -> float:
        """From the start of the first run to the end of the last of so many; each must succeed."""
        where = "FROM dag_run WHERE dag_id LIKE %s AND run_type = %s"
        ended = f"SELECT count(*) {where} AND end_date IS NOT NULL"
        until(lambda: self.query(ended, like, run_type)[0][0] >= count, f"{count} runs of {like}", 7200)
        [(seconds, failed)] = self.query(f"SELECT {SECONDS_AND_FAILURES} {where}", like, run_type)
        if failed:
            raise SystemExit(f"{failed} runs of {like} failed")
        return float(seconds)

    def processor(self) -> float:
        """Seconds of processor that the stack's processes have taken, with those of their children that have ended."""
        taken, marker = 0.0, str(self.folder)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if marker in " ".join([*process.cmdline(), process.cwd(), *process.environ().values()]):
                    times = process.cpu_times()
                    taken += times.user + times.system + times.children_user + times.children_system
        return taken

    def trigger(self, names: list[str]) -> None:
        login = {"username": "admin", "password": "admin"}
        token = httpx.post(f"{self.address}/auth/token", json=login, trust_env=False).json()["access_token"]
        with httpx.Client(
            base_url=self.address, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=60
        ) as api:
            for name in names:
                document = {"dag_run_id": f"manual_{time.time_ns()}", "logical_date": None, "conf": {}}
                api.post(f"/api/v2/dags/usage_{name}/dagRuns", json=document).raise_for_status()


def backfill(local: Local, days: int) -> dict[str, Any]:
    """A native backfill of one connection and of an empty Dag, one after the other."""
    local.connect(["c0"])
    local.empty(1, "one_", '"@daily"')
    local.wait_for_dags("usage_c0", 1)
    local.wait_for_dags("one_0", 1)
    local.seconds("usage_c0", "scheduled", 1)
    local.seconds("one_0", "scheduled", 1)
    last = datetime.now(UTC).date() - timedelta(days=10)
    first = last - timedelta(days=days - 1)
    taken = {}
    for dag_id in ("one_0", "usage_c0"):
        before = local.processor()
        dates = ["--from-date", str(first), "--to-date", str(last), "--max-active-runs", "8"]
        command = [str(BIN / "airflow"), "backfill", "create", "--dag-id", dag_id, *dates]
        subprocess.run(command, env=local.environment, check=True, capture_output=True)
        taken[dag_id] = local.seconds(dag_id, "backfill", days)
        processor = (local.processor() - before) / days
        told(f"backfill of {days} days, {dag_id}: {taken[dag_id]:.0f} s, {processor:.3f} s of processor a run")
    local.remove("one_")
    return {"backfill_365_vs_empty": taken["usage_c0"] / taken["one_0"]}


def poisoned(local: Local, count: int) -> dict[str, Any]:
    """All but one of the connections, with and without one whose provider is down."""
    names = [f"c{number}" for number in range(1, count)]
    local.connect(names)
    local.wait_for_dags("usage\\_c%", len(names))
    for name in names:
        local.seconds(f"usage_{name}", "scheduled", 1)
    taken = []
    for poison in ([], ["poison"]):
        if poison:
            connect(local.folder / "connections", "poison")
            local.wait_for_dags("usage_poison", 1)

        before = local.query("SELECT now()")[0][0]
        local.trigger(names[: len(names) // 2] + poison + names[len(names) // 2 :])
        done = (
            "FROM dag_run WHERE dag_id LIKE 'usage\\_c%%' AND run_type = 'manual' AND queued_at >= %s"
            " AND end_date IS NOT NULL"
        )
        until(
            lambda before=before, done=done: local.query(f"SELECT count(*) {done}", before)[0][0] >= len(names), "runs"
        )
        [(seconds,)] = local.query(f"SELECT extract(epoch FROM max(end_date) - min(start_date)) {done}", before)
        taken.append(float(seconds))
        told(f"{len(names)} runs {'with' if poison else 'without'} a poisoned one: {seconds:.0f} s")
    return {"poisoned_slowdown": taken[1] / taken[0]}


def daily(count: int) -> dict[str, Any]:
    """The first scheduled run of each connection, and of as many empty Dags, each in an Airflow that finds them all."""
    names = accounts(count)
    taken = []
    for like, prepare in (
        ("daily\\_%", lambda local: local.empty(count, "daily_", '"@daily"')),
        ("usage\\_c%", lambda local: local.connect(names)),
    ):
        with stack(names, prepare, **WIDE) as local:
            taken.append(local.seconds(like, "scheduled", count))
        told(f"{count} runs of {like}: {taken[-1]:.0f} s")
    empty, ours = taken
    return {"daily_1000_vs_empty": ours / empty}


def accounts(count: int) -> list[str]:
    """Names for so many connections."""
    return [f"c{number}" for number in range(count)]


@contextlib.contextmanager
def stack(names: list[str], prepare: Callable[[Local], None] = lambda _local: None, **settings: str) -> Iterator[Local]:
    """Airflow, PostgreSQL and a provider with these accounts, prepared before it starts, stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="ul"))
    for name in ("connections", "more"):
        (folder / name).mkdir()
    key = "fw_only-a-benchmark"
    port, provider = free_port(), free_port()
    bundles = [
        {
            "name": name,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(path)},
        }
        for name, path in (("dags-folder", ROOT / "dags"), ("more", folder / "more"))
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "USAGE_"))}
    environment |= {
        "USAGE_LEDGER_LOCAL": str(folder),
        "USAGE_LEDGER_CONNECTIONS": str(folder / "connections"),
        "USAGE_LEDGER_AIRFLOW_PORT": str(port),
        "USAGE_LEDGER_SANDBOX_PORT": str(provider),
        "USAGE_LEDGER_RETRY_SCALE": "0.02",
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
    }
    environment |= {f"AIRFLOW__{name}": value for name, value in settings.items()}
    # As docker-compose.yaml does: a task need not ask Airflow where the warehouse is.
    warehouse = {"conn_type": "postgres", "login": "postgres", "schema": "ledger", "host": str(folder / "postgres")}
    environment["AIRFLOW_CONN_USAGE_WAREHOUSE"] = json.dumps(warehouse)
    for name in (*names, "poison"):
        host = "http://127.0.0.1:9" if name == "poison" else f"http://127.0.0.1:{provider}"
        stored = {"conn_type": "fireworks", "host": host, "password": key, "extra": {"account": name}}
        environment[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(stored)
    environment["USAGE_LEDGER_ALLOWED_HOSTS"] = f"127.0.0.1:{provider},127.0.0.1:9"
    options = [part for name in names for part in ("--account", name)]
    shape = ["--keys", "1", "--models", "1", "--deployments", "0", "--training-jobs", "0"]
    command = [str(BIN / "usage-ledger"), "sandbox", "--port", str(provider), *shape, *options]
    ledger = str(BIN / "usage-ledger")
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, text=True) as sandbox:
        assert sandbox.stdin is not None  # noqa: S101
        sandbox.stdin.write(key + "\n")
        sandbox.stdin.close()
        try:
            local = Local(folder, f"http://127.0.0.1:{port}", environment)
            prepare(local)
            subprocess.run([ledger, "stack", "up"], env=environment, check=True, capture_output=True)
            yield local
        finally:
            subprocess.run([ledger, "stack", "down"], env=environment, check=False, capture_output=True)
            sandbox.terminate()
            shutil.rmtree(folder, ignore_errors=True)


def connect(folder: Path, name: str) -> None:
    """A connection's file; its key is in the environment."""
    (folder / f"{name}.yaml").write_text(f"provider: fireworks\naccount: {name}\n", encoding="utf-8")


def until(ready: Any, what: str, seconds: float = 1800) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {seconds:g} seconds for {what}")
        time.sleep(1)


def told(text: str) -> None:
    sys.stderr.write(f"  {text}\n")


if __name__ == "__main__":
    main()
