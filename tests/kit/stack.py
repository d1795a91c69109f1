"""A whole local stack of its own, with Airflow, for what must really run."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx
import psycopg2
import pytest
from fastapi import FastAPI

from kit.cluster import make_cluster
from kit.provider_site import Overruled
from kit.smtp_sink import Sink, smtp_sink
from kit.telemetry import Telemetry, telemetry
from usage_ledger.local.processes import free_port
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.aws_bedrock.api import aws_bedrock_router
from usage_ledger.sandbox.aws_bedrock.truth import BedrockTruth
from usage_ledger.sandbox.fireworks.truth import FireworksTruth

COMMAND = str(Path(sys.executable).parent / "usage-ledger")
AIRFLOW = str(Path(sys.executable).parent / "airflow")
ZONES = {
    "in_utc": "UTC",
    "in_los_angeles": "America/Los_Angeles",
    "in_lord_howe": "Australia/Lord_Howe",
    "in_kiritimati": "Pacific/Kiritimati",
}


SPOILED = (
    *("echo_400", "echo_401", "echo_403", "echo_429", "echo_500", "echo_rows"),
    *("redirect", "page", "cut", "no_tls", "no_host"),
)
"""Accounts whose answers, or whose ways to the provider, a test spoils."""
MAIL = "mail_sink"
DEADLINES = {"punctual": "2h", "late": "1m"}
"""Accounts that a test connects, and the deadline of their runs."""


@dataclass
class Stack:
    """A running local stack, its provider in this process, and how to speak with both."""

    folder: Path
    environment: dict[str, str]
    provider: str
    key: str
    requests: list[str]
    truths: dict[str, FireworksTruth]
    address: str
    overruled: Overruled
    telemetry: Telemetry
    mail: Sink
    """What is sent to `USAGE_LEDGER_NOTIFY`."""

    def command(
        self, *arguments: str, stdin: str = "", program: str = COMMAND, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the stack's environment, and more of it."""
        home = {"AIRFLOW_HOME": str(self.folder / "airflow")} if program == AIRFLOW else {}
        return subprocess.run(
            [program, *arguments],
            env=self.environment | home | more,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def processes(self) -> dict[int, str]:
        """The command line of every process of this stack, by its id: those that know its folder, or stay in it."""
        commands, marker = {}, str(self.folder).encode()
        for path in Path("/proc").glob("[0-9]*"):
            try:
                line = (path / "cmdline").read_bytes()
                facts = (line, (path / "environ").read_bytes(), os.fsencode((path / "cwd").readlink()))
                if line and any(marker in one for one in facts):
                    commands[int(path.name)] = line.replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
        return commands

    def api(self) -> httpx.Client:
        login = {"username": "admin", "password": "admin"}
        token = httpx.post(f"{self.address}/auth/token", json=login, trust_env=False, timeout=60).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.address, headers=headers, trust_env=False, timeout=60)

    def add_mail(self) -> None:
        """Tell Airflow of the mail server."""
        how = {"disable_ssl": True, "disable_tls": True, "from_email": "ledger@acme.test", "to": "it@acme.test"}
        document = {"connection_id": MAIL, "conn_type": "smtp", "host": "127.0.0.1", "port": self.mail.port}
        with self.api() as api:
            api.post("/api/v2/connections", json=document | {"extra": json.dumps(how)}).raise_for_status()

    def runs(self, dag_id: str, **filters: str) -> dict[str, dict[str, Any]]:
        with self.api() as api:
            answer = api.get(f"/api/v2/dags/{dag_id}/dagRuns", params={"limit": 100, **filters}).json()
        return {run["dag_run_id"]: run for run in answer["dag_runs"]}

    def wait_for_dag(self, dag_id: str) -> None:
        with self.api() as api:
            wait_until(lambda: api.get(f"/api/v2/dags/{dag_id}").status_code == 200, f"{dag_id} to appear", 90)

    def wait_for_runs(self, dag_id: str, count: int, seconds: float = 240) -> dict[str, dict[str, Any]]:
        """All runs of a Dag, once there are `count` and none is under way."""

        def ended() -> bool:
            runs = self.runs(dag_id)
            return len(runs) >= count and all(run["state"] in ("success", "failed") for run in runs.values())

        self.wait_for_dag(dag_id)
        wait_until(ended, f"{count} runs of {dag_id}", seconds)
        return self.runs(dag_id)

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        with self.api() as api:
            return dict(api.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}").json())

    def log(self, dag_id: str, run_id: str, task_id: str, number: int = 1) -> list[dict[str, Any]]:
        """The entries of a try's log, as the UI gets them."""
        with self.api() as api:
            path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{number}"
            return list(api.get(path, headers={"accept": "application/json"}).raise_for_status().json()["content"])

    def query(self, sql: str, database: str = "ledger", *values: object) -> list[tuple[Any, ...]]:
        """The rows that a statement returns, if it does; it is committed."""
        connection = psycopg2.connect(host=str(self.folder / "postgres"), user="postgres", dbname=database)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def totals(self, connection_id: str) -> dict[date, dict[str, Any]]:
        """What the ledger holds of a connection, per usage date, in the oracle's form."""
        meters = (
            "input_tokens",
            "cached_input_tokens",
            "output_tokens",
            "audio_seconds",
            "accelerator_seconds",
            "training_tokens",
        )
        sums = ", ".join(f"coalesce(sum({meter}), 0)" for meter in meters)
        rows = self.query(
            f"SELECT usage_date, {sums} FROM ledger.usage_daily WHERE connection_id = '{connection_id}' GROUP BY 1"
        )
        return {day: dict(zip(meters, values, strict=True)) for day, *values in rows}


def wait_until(ready: Any, what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} seconds for {what}")
        time.sleep(0.5)


SIGNING = BedrockTruth(account="123456789012", session_token=f"FwoGZXIvYXdzEBYaD{secrets.token_hex(12)}+/=OfAStack")
"""An account whose requests are signed, with a key of several parts; nothing connects it at first."""


@contextmanager
def local_stack() -> Iterator[Stack]:
    """PostgreSQL, Airflow's four processes, a provider with one account per zone, all connected; stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="ul"))
    key = f"fw_{secrets.token_hex(6)}+/=%\"'&{secrets.token_urlsafe(20)}"
    truths = {name: FireworksTruth(seed=number, account=name) for number, name in enumerate(ZONES, 1)}
    others = [FireworksTruth(account=name, keys=1, models=1) for name in ("bad_key", *SPOILED, *DEADLINES)]
    signing = partial(aws_bedrock_router, {key: SIGNING})
    app = create_app([*truths.values(), *others], key, now=lambda: datetime.now(UTC), others=[signing])
    overruled = Overruled(app)
    port = free_port()
    with running(cast(FastAPI, overruled)) as provider, telemetry() as taken, smtp_sink() as mail:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "USAGE_"))}
        environment |= {
            "USAGE_LEDGER_LOCAL": str(folder),
            "USAGE_LEDGER_CONNECTIONS": str(folder / "connections"),
            "USAGE_LEDGER_AIRFLOW_PORT": str(port),
            "USAGE_LEDGER_SANDBOX_PORT": str(free_port()),
            "USAGE_LEDGER_ALLOWED_HOSTS": provider.removeprefix("http://"),
            "USAGE_LEDGER_RETRY_SCALE": "0.02",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",  # what died without a word is tried again soon
            "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "httpx=DEBUG httpcore=DEBUG hpack=DEBUG urllib3=DEBUG",
            "TMPDIR": str(folder / "tmp"),
            "USAGE_LEDGER_NOTIFY": MAIL,
            **taken.environment,
        }
        for name in ("connections", "tmp"):
            (folder / name).mkdir()
        make_cluster(folder / "postgres")
        address = f"http://127.0.0.1:{port}"
        requests = app.state.requests
        stack = Stack(folder, environment, provider, key, requests, truths, address, overruled, taken, mail)
        try:
            up = stack.command("stack", "up")
            assert up.returncode == 0, up.stdout + up.stderr
            stack.add_mail()
            for name, zone in ZONES.items():
                done = stack.command(
                    "connect", "fireworks", name, "--account", name, "--timezone", zone, "--host", provider, stdin=key
                )
                assert done.returncode == 0, done.stderr
            yield stack
        finally:
            down = stack.command("stack", "down")
            left = stack.processes()
            shutil.rmtree(folder, ignore_errors=True)
            assert down.returncode == 0, down.stderr
            assert left == {}, left
