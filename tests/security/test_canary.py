"""A key goes through good runs and bad ones of a real Airflow; afterwards it is nowhere but in the encrypted column."""

import configparser
import json
import os
import re
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from cryptography.fernet import Fernet
from kit.canary import contents, forms, hits, leaks
from kit.stack import SIGNING, SPOILED, ZONES, Stack, wait_until

pytestmark = pytest.mark.stack
KEY = "fw_Cn4ry+/=%\"'&Key-of-the-planted"


@pytest.mark.parametrize("form", sorted(forms(KEY)))
def test_the_scanner_finds_a_planted_key_in_each_form_and_kind_of_file(tmp_path: Path, form: str) -> None:
    planted = b"before " + forms(KEY)[form] + b" after"
    assert form in hits(planted, KEY)
    (tmp_path / "a.log").write_bytes(planted)
    (tmp_path / "b.json.zst").write_bytes(zstandard.compress(planted))
    pq.write_table(pa.table({"text": [planted.decode()]}), tmp_path / "c.parquet", compression="zstd")
    places = {where.split("/")[-1] for where, _ in leaks(contents(tmp_path), KEY)}
    assert {"a.log", "b.json.zst unpacked", "c.parquet rows"} <= places
    assert hits(b"nothing here, not even " + KEY[:11].encode(), KEY) == []


def test_the_scanner_finds_a_planted_key_in_tables_and_process_lists(stack: Stack) -> None:
    for database in ("ledger", "airflow"):  # another than the stack's: what is planted stays in the server's log
        stack.query("CREATE TABLE planted (told jsonb)", database)
        stack.query("INSERT INTO planted VALUES (to_jsonb(%s::text))", database, f"it says {KEY}")
        assert [where for where, _ in leaks(tables(stack, database), KEY)] == [f"{database} public.planted"]
        stack.query("DROP TABLE planted", database)
    assert any("/pg_wal/" in where for where, _ in leaks(contents(stack.folder / "postgres"), KEY))
    idle = [sys.executable, "-c", "import time; time.sleep(60)"]
    for line, environment in (([*idle, stack.key], {}), (idle, {"TOLD": stack.key})):
        with Watch(stack) as watch:
            told = subprocess.Popen(line, env=stack.environment | environment)
            wait_until(lambda watch=watch: watch.seen, "the watch to see the key", 20)
            told.kill()
            told.wait()


def test_the_watch_notices_a_process_that_may_leave_its_memory_on_disk(stack: Stack) -> None:
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("no process may leave its memory on disk here")
    with Watch(stack) as watch:
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"], env=stack.environment)
        try:
            wait_until(lambda: watch.may_dump, "the watch to see the limit", 60)
        finally:
            busy.kill()
            busy.wait()


def spoil(stack: Stack) -> Iterator[tuple[str, bytes]]:
    """Answers that send the key back, refuse, break off, redirect or are no JSON; a connection of Airflow's for each.

    Tells what the Test button says.
    """
    echoes = {name: form.decode("latin-1") for name, form in forms(stack.key).items()}
    echo = json.dumps({"message": f"no access with {stack.key}", **echoes}).encode()
    for status in ("400", "401", "403", "429", "500"):
        stack.overruled.answers[f"/accounts/echo_{status}/billingUsage"] = (int(status), echo)
    stack.overruled.answers["/accounts/redirect/billingUsage"] = (302, echo)
    stack.overruled.headers["/accounts/redirect/billingUsage"] = [(b"location", b"http://127.0.0.1:9/" + b"x")]
    stack.overruled.answers["/accounts/page/billingUsage"] = (200, b"<html>" + echo)
    stack.overruled.answers["/accounts/cut/billingUsage"] = (200, echo)
    stack.overruled.headers["/accounts/cut/billingUsage"] = [(b"content-length", b"99999")]
    hosts = {"no_tls": stack.provider.replace("http", "https", 1), "no_host": f"{stack.provider}@[{{}}"}
    folder = Path(stack.environment["USAGE_LEDGER_CONNECTIONS"])
    with stack.api() as api:
        for name in SPOILED:
            document = {
                "connection_id": name,
                "conn_type": "fireworks",
                "host": hosts.get(name, stack.provider),
                "password": stack.key,
                "extra": json.dumps({"account": name}),
            }
            api.post("/api/v2/connections", json=document).raise_for_status()
            yield f"test of {name}", api.post("/api/v2/connections/test", json=document).content
            (folder / f"{name}.yaml").write_text(f"provider: fireworks\naccount: {name}\n", encoding="utf-8")


def echoed_rows(stack: Stack) -> None:
    """A good answer in which the key stands for a model, a key's id and a key's name."""
    from datetime import UTC, datetime, timedelta

    rows = []
    day = datetime.now(UTC).date() - timedelta(days=2)  # before 03:00 the day before is not due
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
        self.stack, self.looks, self._done = stack, 0, threading.Event()
        self.seen: list[bytes] = []
        self.may_dump: set[bytes] = set()
        """Of the stack's processes those that leave their memory on disk when they crash, after a second of processor:
        a process may be looked at before its first line runs."""
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
                    limits = (process / "limits").read_text()
                    ran = (process / "stat").read_text().rsplit(")", 1)[1].split()[11:13]
                except OSError:
                    continue
                ours = marker in environment
                if hits(line, self.stack.key) or (ours and hits(environment, self.stack.key)):
                    self.seen.append(line)
                has_begun = sum(map(int, ran)) > os.sysconf("SC_CLK_TCK")
                if ours and has_begun and not re.search(r"Max core file size +0 +0 ", limits):
                    self.may_dump.add(line)
            self._done.wait(0.5)


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
    """In no log, table, file, XCom, rendered field, source, asset, error or audit entry, in none of twelve forms.

    The libraries that speak HTTP are at DEBUG in the whole stack. No task defers, so that no task's arguments pass
    through the triggerer. What is told to OpenLineage, and the spans of a run, are searched too.
    """
    said = list(spoil(stack))
    echoed_rows(stack)
    for name in SPOILED:
        stack.wait_for_dag(f"usage_{name}")
    dates = ("--from", "2026-11-01", "--to", "2026-11-02")
    for arguments in (("check", "in_utc"), ("check", "no_tls"), ("--debug", "run", "echo_403", *dates)):
        done = stack.command(*arguments)
        said.append((" ".join(arguments), (done.stdout + done.stderr).encode()))
    assert b"no access with ***" in said[-1][1]
    states = {name: {run["state"] for run in stack.wait_for_runs(f"usage_{name}", 1).values()} for name in SPOILED}
    assert states.pop("echo_rows") == {"success"}
    assert set().union(*states.values()) == {"failed"}
    places = [*said, *told_over_rest(stack), *tables(stack, "ledger"), *tables(stack, "airflow")]
    places += contents(stack.folder)
    assert stack.telemetry.lineage
    places.append(("lineage", json.dumps(stack.telemetry.lineage).encode()))
    places.append(("spans", repr(stack.telemetry.spans).encode()))
    logs = {f"{name}.log" for name in ("api-server", "scheduler", "dag-processor", "triggerer")}
    assert logs <= {where.rsplit("/", 1)[-1] for where, data in places if data}
    for kind in ("attempt=1.log", "unpacked", "rows", "xcom", "ops.event"):
        assert any(where.endswith(kind) and (b"***" in data or kind == "xcom") for where, data in places), kind
    assert leaks(places, stack.key) == []


def test_x11_no_process_shows_the_key_in_its_command_line_environment_memory_dump_or_temporary_file(
    stack: Stack,
) -> None:
    """While the key is typed into a command and a task uses it; what is written is the owner's alone."""
    name = "in_utc"
    stack.wait_for_dag(f"usage_{name}")
    with Watch(stack) as watch:
        with stack.api() as api:
            document = {"dag_run_id": "watched", "logical_date": None, "conf": {}}
            api.post(f"/api/v2/dags/usage_{name}/dagRuns", json=document).raise_for_status()
        done = stack.command("connect", "fireworks", name, "--account", name, "--host", stack.provider, stdin=stack.key)
        assert done.returncode == 0, done.stderr
        wait_until(lambda: stack.runs(f"usage_{name}")["watched"]["state"] == "success", "the watched run", 120)
    assert watch.looks > 5
    assert watch.seen == []
    assert watch.may_dump == set()
    assert leaks([("the command", (done.stdout + done.stderr).encode())], stack.key) == []
    assert leaks(contents(stack.folder / "tmp"), stack.key) == []
    for path in (stack.folder / "raw").rglob("*"):
        assert not path.is_file() or stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_x12_a_key_is_stored_encrypted_alone_and_read_with_its_fernet_key_alone(stack: Stack) -> None:
    """Another Fernet key is a named error of the commands; a task cannot tell it from a connection without a key.

    The old key behind the new one and a comma reads what it encrypted; connecting again replaces what none reads.
    """
    name = "in_lord_howe"
    stack.wait_for_runs(f"usage_{name}", 1)
    connect = ("connect", "fireworks", name, "--account", name, "--timezone", ZONES[name], "--host", stack.provider)
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(stack.folder / "airflow" / "airflow.cfg", encoding="utf-8")
    own, old = settings["core"]["fernet_key"], Fernet.generate_key().decode()
    encrypted = Fernet(old).encrypt(stack.key.encode()).decode()
    stack.query("UPDATE connection SET password = %s WHERE conn_id = %s", "airflow", encrypted, name)
    refused = stack.command("check", name)
    assert (refused.returncode, "cannot be decrypted" in refused.stderr) == (1, True), refused.stderr
    assert "usage-ledger connect" in refused.stderr
    with stack.api() as api:
        document = {"dag_run_id": "undecryptable", "logical_date": None, "conf": {}}
        api.post(f"/api/v2/dags/usage_{name}/dagRuns", json=document).raise_for_status()
    wait_until(lambda: stack.runs(f"usage_{name}")["undecryptable"]["state"] == "failed", "the run to fail", 90)
    assert stack.task(f"usage_{name}", "undecryptable", "extract")["try_number"] == 1
    for told, code in ((f"{own},{old}", 0), ("", 1)):
        assert stack.command("check", name, AIRFLOW__CORE__FERNET_KEY=told).returncode == code
    in_clear = stack.command(*connect, stdin=stack.key, AIRFLOW__CORE__FERNET_KEY="")
    assert (in_clear.returncode, "stored in clear" in in_clear.stderr) == (1, True), in_clear.stderr
    again = stack.command(*connect, stdin=stack.key)
    assert (again.returncode, "the key is replaced" in again.stdout) == (0, True), again.stderr
    [(stored, is_encrypted)] = stack.query(
        "SELECT password, is_encrypted FROM connection WHERE conn_id = %s", "airflow", name
    )
    assert (Fernet(own).decrypt(stored.encode()).decode(), is_encrypted) == (stack.key, True)


def test_a_key_of_several_parts_is_asked_for_stored_encrypted_and_shown_nowhere(stack: Stack) -> None:
    """The secret access key and the session token of one command, a check, a Test button and a task that signs."""
    token = SIGNING.session_token
    public = ("--setting", f"access_key_id={SIGNING.access_key_id}", "--setting", "regions=eu-central-1")
    place = ("--account", SIGNING.account_id, "--host", stack.provider)
    connect = ("connect", "aws_bedrock", "signed", *place, *public, "--setting", "session_token")
    with Watch(stack) as watch:
        connected = stack.command(*connect, stdin=f"{stack.key}\n{token}\n")
        assert connected.returncode == 0, connected.stderr
        checked = stack.command("check", "signed")
        assert (checked.returncode, SIGNING.account_id in checked.stdout) == (0, True), checked.stderr
    assert watch.seen == []
    [(conn_type, extra, is_encrypted)] = stack.query(
        "SELECT conn_type, extra, is_extra_encrypted FROM connection WHERE conn_id = 'signed'", "airflow"
    )
    assert (conn_type, is_encrypted, SIGNING.access_key_id in extra) == ("aws_bedrock", True, False)
    document = {
        "connection_id": "signed",
        "conn_type": "aws_bedrock",
        "host": stack.provider,
        "password": stack.key,
        "extra": json.dumps(
            {"account": SIGNING.account_id, "access_key_id": SIGNING.access_key_id, "session_token": token}
        ),
    }
    with stack.api() as api:
        button = api.post("/api/v2/connections/test", json=document)
    assert (button.json()["status"], SIGNING.account_id in button.text) == (True, True), button.text
    stack.wait_for_runs("usage_signed", 1)
    places = [("commands", (connected.stdout + connected.stderr + checked.stdout + checked.stderr).encode())]
    places += [("the Test button", button.content), *told_over_rest(stack), *tables(stack, "ledger")]
    places += [*tables(stack, "airflow"), *contents(stack.folder)]
    for secret in (stack.key, token):
        assert leaks(places, secret) == []
    assert "deleted the key" in stack.command("disconnect", "signed").stdout


def test_disconnect_leaves_a_clouds_own_connection_to_the_others_that_use_it(stack: Stack) -> None:
    with stack.api() as api:
        api.post("/api/v2/connections", json={"connection_id": "team_aws", "conn_type": "aws"}).raise_for_status()
        assert stack.command("disconnect", "team_aws").returncode == 1
        api.get("/api/v2/connections/team_aws").raise_for_status()
