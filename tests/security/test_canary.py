"""A key goes through good runs and bad ones of a real Airflow; afterwards it is nowhere but in the encrypted column."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from canary import contents, forms, found_in, hits
from stack import SPOILED, Stack

pytestmark = pytest.mark.stack
KEY = "fw_Cn4ry+/=%\"'&Key-of-the-planted"


@pytest.mark.parametrize("form", sorted(forms(KEY)))
def test_the_scanner_finds_a_planted_key_in_each_form_and_kind_of_file(tmp_path: Path, form: str) -> None:
    planted = b"before " + forms(KEY)[form] + b" after"
    assert form in hits(planted, KEY)
    (tmp_path / "a.log").write_bytes(planted)
    (tmp_path / "b.json.zst").write_bytes(zstandard.compress(planted))
    pq.write_table(pa.table({"text": [planted.decode()]}), tmp_path / "c.parquet", compression="zstd")
    places = {where.split("/")[-1] for where, _ in found_in(contents(tmp_path), KEY)}
    assert {"a.log", "b.json.zst unpacked"} <= places
    assert "c.parquet rows" in places or form in ("json", "repr", "bytes repr", "plain", "bearer")
    assert hits(b"nothing here, not even " + KEY[:11].encode(), KEY) == []


def spoil(stack: Stack) -> None:
    """Answers that send the key back, refuse, redirect or are no JSON; a connection of Airflow's for each."""
    echoes = {name: form.decode("latin-1") for name, form in forms(stack.key).items()}
    echo = json.dumps({"message": f"no access with {stack.key}", **echoes}).encode()
    for status in ("400", "401", "403", "429", "500"):
        stack.overruled.answers[f"/accounts/echo_{status}/billingUsage"] = (int(status), echo)
    stack.overruled.answers["/accounts/redirect/billingUsage"] = (302, echo)
    stack.overruled.headers["/accounts/redirect/billingUsage"] = [(b"location", b"http://127.0.0.1:9/" + b"x")]
    stack.overruled.answers["/accounts/page/billingUsage"] = (200, b"<html>" + echo)
    folder = Path(stack.environment["USAGE_LEDGER_CONNECTIONS"])
    with stack.api() as api:
        for name in SPOILED:
            document = {
                "connection_id": name,
                "conn_type": "fireworks",
                "host": stack.provider,
                "password": stack.key,
                "extra": json.dumps({"account": name}),
            }
            api.post("/api/v2/connections", json=document).raise_for_status()
            api.post("/api/v2/connections/test", json=document)
            (folder / f"{name}.yaml").write_text(f"provider: fireworks\naccount: {name}\n", encoding="utf-8")


def echoed_rows(stack: Stack) -> None:
    """A good answer in which the key stands for a model, a key's id and a key's name."""
    from datetime import UTC, datetime, timedelta

    rows = []
    day = datetime.now(UTC).date() - timedelta(days=1)
    for name, form in forms(stack.key).items():
        told = form.decode("latin-1")
        bounds = {"startTime": f"{day}T00:00:00Z", "endTime": f"{day + timedelta(days=1)}T00:00:00Z"}
        group = {"model_name": f"{name} {told}", "api_key_id": told, "api_key_name": told}
        rows.append({**bounds, "group": group, "promptTokens": "1", "completionTokens": "1"})
    body = json.dumps({"serverlessCosts": rows}).encode()
    stack.overruled.answers["/accounts/echo_rows/billingUsage"] = (200, body)


class Watch:
    """Reads the command lines of all processes, and the environments of the stack's, again and again."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.seen, self.looks, self._done = stack, [], 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        marker = str(self.stack.folder).encode()
        while not self._done.is_set():
            self.looks += 1
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    line, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
                except OSError:
                    continue
                if hits(line, self.stack.key) or (marker in environment and hits(environment, self.stack.key)):
                    self.seen.append(line)
            time.sleep(0.2)


def told_over_rest(stack: Stack) -> Iterator[tuple[str, bytes]]:
    """What Airflow shows of our runs: XCom, rendered fields, task logs, Dag source, import errors, audit log."""
    with stack.api() as api:
        for dag in api.get("/api/v2/dags", params={"limit": 100}).json()["dags"]:
            dag_id = dag["dag_id"]
            yield f"{dag_id} source", api.get(f"/api/v2/dagSources/{dag_id}").content
            yield f"{dag_id} details", api.get(f"/api/v2/dags/{dag_id}/details").content
            for run_id in stack.runs(dag_id):
                base = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
                instances = api.get(base)
                yield f"{dag_id} {run_id}", instances.content  # with rendered fields
                for instance in instances.json()["task_instances"]:
                    task = f"{base}/{instance['task_id']}"
                    yield f"{task} xcom", api.get(f"{task}/xcomEntries").content
                    for entry in api.get(f"{task}/xcomEntries").json()["xcom_entries"]:
                        yield f"{task} {entry['key']}", api.get(f"{task}/xcomEntries/{entry['key']}").content
                    if dag_id.removeprefix("usage_") in SPOILED:
                        yield f"{task} log", api.get(f"{task}/logs/{max(instance['try_number'], 1)}").content
        for path in ("/api/v2/importErrors", "/api/v2/eventLogs", "/api/v2/connections", "/api/v2/assets/events"):
            yield path, api.get(path, params={"limit": 100}).content


def tables(stack: Stack, database: str) -> Iterator[tuple[str, bytes]]:
    """Every row of every table of a database, as text."""
    names = stack.query(
        "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'",
        database,
    )
    assert len(names) > 5
    for (name,) in names:
        rows: list[Any] = stack.query(f"SELECT t::text FROM {name} AS t", database)
        yield f"{database} {name}", "\n".join(row for (row,) in rows).encode()


def test_x8_after_runs_of_every_kind_the_key_is_nowhere(stack: Stack) -> None:
    """No trigger is used, so that no task's arguments pass through the triggerer; no OpenLineage is installed."""
    spoil(stack)
    echoed_rows(stack)
    with Watch(stack) as watch:
        for name in SPOILED:
            stack.wait_for_dag(f"usage_{name}")
        states = {
            name: {run["state"] for run in stack.wait_for_runs(f"usage_{name}", 1, 420).values()} for name in SPOILED
        }
        commands = [
            stack.command("check", "in_utc"),
            stack.command("status", "echo_401"),
            stack.command("--debug", "run", "echo_403", "--from", "2026-11-01", "--to", "2026-11-02"),
            stack.command("--debug", "run", "echo_rows", "--from", "2026-11-01", "--to", "2026-11-02"),
        ]
    assert states.pop("echo_rows") <= {"success", "failed"}
    assert set().union(*states.values()) == {"failed"}
    assert watch.looks > 5
    assert watch.seen == []
    said = [(" ".join(done.args[1:]), (done.stdout + done.stderr).encode()) for done in commands]
    assert b"no access with ***" in said[2][1]
    places = [*said, *told_over_rest(stack), *tables(stack, "ledger"), *tables(stack, "airflow")]
    # The tables are read as such; the server's own log of changes is not looked through here.
    places += [(where, data) for where, data in contents(stack.folder) if "/pg_wal/" not in where]
    assert any("scheduler.log" in where for where, _ in places)
    assert any("log" in where and b"no access with ***" in data for where, data in places)
    assert any(where.endswith("unpacked") for where, _ in places)
    assert found_in(places, stack.key) == []
