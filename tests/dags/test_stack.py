"""The real thing: Airflow's own scheduler, backfill, UI routes and asset events, on the local stack."""

import json
import os
import signal
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kit.stack import AIRFLOW, ZONES, Stack, wait_until

from usage_ledger.airflow.versions import installed_airflow, parts_of

pytestmark = pytest.mark.stack

DST = {
    "in_utc": (date(2026, 11, 1), date(2026, 11, 3)),
    "in_los_angeles": (date(2026, 10, 31), date(2026, 11, 2)),
    "in_lord_howe": (date(2026, 10, 3), date(2026, 10, 5)),
    "in_kiritimati": (date(2026, 11, 1), date(2026, 11, 3)),
}


def dag_of(connection_id: str) -> str:
    return f"usage_{connection_id}"


def test_a_backfill_of_three_days_through_the_scheduler_equals_the_truth_in_every_zone(stack: Stack) -> None:
    for name in ZONES:
        stack.wait_for_dag(dag_of(name))
    for name, (first, last) in DST.items():
        if name == "in_los_angeles":  # one by Airflow's command, the others by the route of the UI's form
            dates = ["--from-date", str(first), "--to-date", str(last), "--max-active-runs", "3"]
            made = stack.command("backfill", "create", "--dag-id", dag_of(name), *dates, program=AIRFLOW)
            assert made.returncode == 0, made.stdout + made.stderr
            continue
        document = {
            "dag_id": dag_of(name),
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T00:00:00Z",
            "run_backwards": False,
            "dag_run_conf": {},
            "reprocess_behavior": "none",
            "max_active_runs": 3,
        }
        with stack.api() as api:
            answer = api.post("/api/v2/backfills", json=document)
        assert answer.is_success, answer.text
    for name, (first, last) in DST.items():
        runs = stack.wait_for_runs(dag_of(name), 4).values()  # three of the backfill, one scheduled
        assert {run["state"] for run in runs} == {"success"}
        logical = sorted(run["logical_date"][:10] for run in runs if run["run_type"] == "backfill")
        assert logical == [str(first), str(first + timedelta(days=1)), str(last)]
        expected = stack.truths[name].expected_usage(first, last + timedelta(days=1), ZONES[name])
        found = stack.totals(name)
        assert {day: found[day] for day in expected} == expected
        # The scheduled run: its usage date and three days of look-back.
        newest = max(found)
        assert {newest - timedelta(days=n) for n in range(4)} <= set(found)


def test_a_manual_run_of_400_days_takes_13_requests(stack: Stack) -> None:
    dag_id = dag_of("in_utc")
    stack.wait_for_dag(dag_id)
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=399)
    before = len(stack.requests)
    with stack.api() as api:
        answer = api.post(
            f"/api/v2/dags/{dag_id}/dagRuns",
            json={"dag_run_id": "range", "logical_date": None, "conf": {"from": str(first), "to": str(last)}},
        )
        assert answer.is_success, answer.text
    wait_until(lambda: stack.runs(dag_id)["range"]["state"] in ("success", "failed"), "the range run", 120)
    assert stack.runs(dag_id)["range"]["state"] == "success"
    asked = [line for line in stack.requests[before:] if "/accounts/in_utc/" in line]
    assert len([line for line in asked if "/billingUsage" in line]) == 13
    assert len([line for line in asked if "/billing/summary" in line]) == 13
    expected = stack.truths["in_utc"].expected_usage(first, last + timedelta(days=1), "UTC")
    found = stack.totals("in_utc")
    assert {day: found[day] for day in expected} == expected


def test_a_manual_run_with_a_logical_date_loads_that_date_and_says_so(stack: Stack) -> None:
    """The date is older than any other run's; the zone is west of Greenwich, where the local date is another."""
    dag_id = dag_of("in_los_angeles")
    stack.wait_for_dag(dag_id)
    day = datetime.now(UTC).date() - timedelta(days=90)
    with stack.api() as api:
        document = {"dag_run_id": "chosen", "logical_date": f"{day}T00:00:00Z", "conf": {"requested_by": "ci"}}
        api.post(f"/api/v2/dags/{dag_id}/dagRuns", json=document).raise_for_status()
        made = stack.command(
            *("dags", "trigger", dag_id, "--run-id", "by_command", "--logical-date", str(day - timedelta(days=1))),
            program=AIRFLOW,
        )
        assert made.returncode == 0, made.stdout + made.stderr

        def ended() -> bool:
            runs = stack.runs(dag_id)
            return {runs[run_id]["state"] for run_id in ("chosen", "by_command")} <= {"success", "failed"}

        wait_until(ended, "the two runs", 120)
        runs = stack.runs(dag_id)
    assert {runs[run_id]["state"] for run_id in ("chosen", "by_command")} == {"success"}
    assert runs["chosen"]["note"] == f"usage dates {day}"
    assert runs["by_command"]["note"] == f"usage dates {day - timedelta(days=1)}"
    assert runs["chosen"]["data_interval_start"][:10] == str(day)
    lines = [str(entry["event"]) for entry in stack.log(dag_id, "chosen", "extract")]
    assert f"usage dates {day}" in lines
    assert "params that name no usage date are ignored: 'requested_by'" in lines
    lines = [str(entry["event"]) for entry in stack.log(dag_id, "chosen", "load")]
    assert [line for line in lines if line.startswith(f"usage {day}: loaded, ")]
    truth = stack.truths["in_los_angeles"].expected_usage(
        day - timedelta(days=1), day + timedelta(days=1), ZONES["in_los_angeles"]
    )
    found = stack.totals("in_los_angeles")
    assert {one: found.get(one) for one in truth} == truth
    assert day + timedelta(days=1) not in found
    assert day - timedelta(days=2) not in found


def test_a_manual_run_with_one_date_alone_fails_at_once(stack: Stack) -> None:
    dag_id = dag_of("in_utc")
    stack.wait_for_dag(dag_id)
    with stack.api() as api:
        api.post(
            f"/api/v2/dags/{dag_id}/dagRuns",
            json={"dag_run_id": "half", "logical_date": None, "conf": {"from": "2026-11-01"}},
        ).raise_for_status()
    wait_until(lambda: stack.runs(dag_id)["half"]["state"] == "failed", "the half range to be refused", 90)
    extract = stack.task(dag_id, "half", "extract")
    assert extract["state"] == "failed"
    assert extract["try_number"] == 1
    errors = [entry for entry in stack.log(dag_id, "half", "extract") if entry.get("level") == "error"]
    assert [entry["event"] for entry in errors[:2]] == [
        "only one of `from` and `to` is given (connection in_utc)",
        "Next step: give both, or neither",
    ]
    assert not [frame for entry in errors for detail in entry.get("error_detail") or () for frame in detail["frames"]]


def test_alerts_are_evaluated_after_a_load_that_changed_rows(stack: Stack) -> None:
    stack.wait_for_runs(dag_of("in_utc"), 1)

    def after_a_load() -> list[str]:
        runs = stack.runs("usage_alerts").values()
        return [run["state"] for run in runs if run["run_type"] == "asset_triggered"]

    wait_until(lambda: set(after_a_load()) & {"success", "failed"}, "a run of usage_alerts", 120)
    assert "success" in after_a_load()


def test_asset_events_come_with_changes_alone_and_name_the_table(stack: Stack) -> None:
    dag_id = dag_of("in_kiritimati")
    loaded = stack.wait_for_runs(dag_id, 1)
    day = next(run["logical_date"] for run in loaded.values() if run["logical_date"])[:10]
    with stack.api() as api:

        def shown() -> list[dict[str, Any]]:
            pattern = {"name_pattern": "usage_daily/in_kiritimati"}
            # Airflow 3.2 counts an asset of an alias as active only once a Dag names it.
            active = {"only_active": parts_of(installed_airflow()) >= (3, 3)}
            return list(api.get("/api/v2/assets", params=pattern | active).json()["assets"])

        # The event is there with the run's end; the asset of an alias is shown after the scheduler's next look, a
        # minute apart.
        wait_until(shown, "the asset to be shown", 120)
        (asset,) = shown()
        assert asset["uri"] == "usage-ledger://in_kiritimati/usage_daily"

        def events() -> int:
            found = api.get("/api/v2/assets/events", params={"asset_id": asset["id"], "limit": 1}).json()
            return int(found["total_entries"])

        before = events()
        assert before >= 1
        api.post(
            f"/api/v2/dags/{dag_id}/dagRuns",
            json={"dag_run_id": "again", "logical_date": None, "conf": {"from": day, "to": day}},
        ).raise_for_status()
        wait_until(lambda: stack.runs(dag_id)["again"]["state"] in ("success", "failed"), "the second run", 90)
        assert stack.runs(dag_id)["again"]["state"] == "success"
        assert events() == before
        # A try that changes nothing announces what an earlier one of the run has written: that one may have failed.
        first = min(loaded, key=lambda run_id: loaded[run_id]["start_date"])
        document = {"dag_run_id": first, "task_ids": ["load"], "dry_run": False, "only_failed": False}
        api.post(f"/api/v2/dags/{dag_id}/clearTaskInstances", json=document).raise_for_status()
        wait_until(lambda: events() == before + 1, "the run's changes to be announced again", 90)


def test_a_wrong_key_fails_at_the_first_try_and_says_what_to_do(stack: Stack) -> None:
    connections = Path(stack.environment["USAGE_LEDGER_CONNECTIONS"])
    with stack.api() as api:
        api.post(
            "/api/v2/connections",
            json={
                "connection_id": "bad_key",
                "conn_type": "fireworks",
                "host": stack.provider,
                "password": "fw_not_the_key_at_all",
                "extra": json.dumps({"account": "bad_key"}),
            },
        ).raise_for_status()
    (connections / "bad_key.yaml").write_text("provider: fireworks\naccount: bad_key\n", encoding="utf-8")
    stack.wait_for_dag(dag_of("bad_key"))
    (run_id,) = stack.wait_for_runs(dag_of("bad_key"), 1)
    extract = stack.task(dag_of("bad_key"), run_id, "extract")
    assert (extract["state"], extract["try_number"]) == ("failed", 1)
    assert stack.runs(dag_of("bad_key"))[run_id]["state"] == "failed"
    ((kind, next_step),) = set(
        stack.query("SELECT kind, next_step FROM ops.event WHERE connection_id = 'bad_key' AND report = 'usage'")
    )
    assert kind == "extract_failed"
    assert "usage-ledger connect" in next_step


def test_a_broken_file_stops_its_own_dag_and_shows_under_import_errors(stack: Stack) -> None:
    broken = Path(stack.environment["USAGE_LEDGER_CONNECTIONS"]) / "typo.yaml"
    broken.write_text("provider: fireworks\naccount: acme\ntime_zone: UTC\n", encoding="utf-8")
    try:
        with stack.api() as api:
            wait_until(lambda: api.get("/api/v2/importErrors").json()["total_entries"] == 1, "the import error", 60)
            (error,) = api.get("/api/v2/importErrors").json()["import_errors"]
            assert error["stack_trace"].startswith("typo.yaml: key `time_zone` is unknown; allowed: ")
            assert error["stack_trace"].endswith(": correct these files; the other connections run.")
            assert api.get(f"/api/v2/dags/{dag_of('in_utc')}").status_code == 200
    finally:
        broken.unlink()


def test_a_missing_pool_is_made_again_by_the_next_run(stack: Stack) -> None:
    dag_id = dag_of("in_lord_howe")
    stack.wait_for_runs(dag_id, 1)
    with stack.api() as api:
        api.delete("/api/v2/pools/fireworks").raise_for_status()
        api.post(
            f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "no_pool", "logical_date": None, "conf": {}}
        ).raise_for_status()
        wait_until(lambda: stack.runs(dag_id)["no_pool"]["state"] in ("success", "failed"), "the run", 90)
        assert stack.runs(dag_id)["no_pool"]["state"] == "success"
        assert api.get("/api/v2/pools/fireworks").json()["slots"] == 4


@pytest.mark.parametrize(
    ("account", "key_is_right", "expected"),
    [("in_utc", True, True), ("nobody", True, False), ("in_utc", False, False), ("", True, False)],
)
def test_the_test_button_tells_a_good_connection_from_a_bad_one(
    stack: Stack, account: str, key_is_right: bool, expected: bool
) -> None:
    document = {
        "connection_id": "in_the_form",
        "conn_type": "fireworks",
        "host": stack.provider,
        "password": stack.key if key_is_right else "fw_something_else",
        "login": account,
    }
    with stack.api() as api:
        answer = api.post("/api/v2/connections/test", json=document).json()
        form = {entry["connection_type"]: entry for entry in api.get("/ui/connections/hook_meta").json()}["fireworks"]
    assert answer["status"] is expected, answer
    assert form["hook_name"] == "Fireworks AI"
    assert form["standard_fields"]["login"]["title"] == "Account"
    assert form["standard_fields"]["password"]["title"] == "API key"


@pytest.mark.parametrize("made_by", ["command", "form"])
def test_the_test_button_tests_a_stored_connection_with_the_body_that_the_ui_sends(stack: Stack, made_by: str) -> None:
    """The UI sends no key, which it does not know, and a port of 0 for the hidden field."""
    name = "in_utc"
    with stack.api() as api:
        if made_by == "form":
            name = "of_the_form"
            document = {"connection_id": name, "conn_type": "fireworks", "host": stack.provider, "login": "in_utc"}
            api.post("/api/v2/connections", json=document | {"password": stack.key}).raise_for_status()
        stored = api.get(f"/api/v2/connections/{name}").json()
        names = ("connection_id", "conn_type", "description", "host", "login", "schema", "extra")
        body = {key: stored[key] or "" for key in names} | {"port": int(stored["port"] or 0)}
        answer = api.post("/api/v2/connections/test", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"status": True, "message": "the key is valid and sees account in_utc"}


def test_the_key_is_in_no_file_and_no_process_list(stack: Stack) -> None:
    stack.wait_for_runs(dag_of("in_utc"), 1)
    key = stack.key.encode()
    found = [str(path) for path in stack.folder.rglob("*") if path.is_file() and key in path.read_bytes()]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if key in path.read_bytes():
                found.append(str(path))
        except OSError:
            continue
    assert found == []


def test_a_port_that_is_taken_is_named_with_the_setting_that_moves_it(stack: Stack) -> None:
    port = stack.provider.rsplit(":", 1)[1]
    elsewhere = stack.environment | {
        "USAGE_LEDGER_LOCAL": str(stack.folder / "elsewhere"),
        "USAGE_LEDGER_AIRFLOW_PORT": port,
    }
    refused = Stack(**{**stack.__dict__, "environment": elsewhere}).command("stack", "up")
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    assert "USAGE_LEDGER_AIRFLOW_PORT" in refused.stderr
    assert not (stack.folder / "elsewhere" / "postgres").exists()


def test_disconnecting_deletes_the_key_at_once_and_keeps_the_data(stack: Stack) -> None:
    name = "in_kiritimati"
    before = stack.totals(name)
    assert before
    done = stack.command("disconnect", name)
    assert done.returncode == 0, done.stderr
    with stack.api() as api:
        assert api.get(f"/api/v2/connections/{name}").status_code == 404
    assert not (Path(stack.environment["USAGE_LEDGER_CONNECTIONS"]) / f"{name}.yaml").exists()
    assert stack.totals(name) == before
    ((retired,),) = stack.query(f"SELECT retired_at IS NOT NULL FROM ops.connection WHERE connection_id = '{name}'")
    assert retired
    again = stack.command("disconnect", name)
    assert (again.returncode, "there is no connection" in again.stderr) == (1, True)


def test_a_command_finds_the_key_that_airflow_keeps(stack: Stack) -> None:
    done = stack.command("check", "in_utc", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["reads"] == ["usage", "cost", "prices", "api_keys"]
    status = stack.command("status", "in_utc", "--json")
    assert json.loads(status.stdout)["connections"][0]["account_id"] == "in_utc"


def test_what_a_killed_scheduler_left_is_stopped_too_and_all_of_it_comes_back(stack: Stack) -> None:
    """Its workers live on, in its session; `stack down` ends them, and `stack up` starts what it stopped."""
    scheduler = json.loads((stack.folder / "run" / "scheduler.json").read_text(encoding="utf-8"))["pid"]
    before = stack.totals("in_utc")
    os.kill(scheduler, signal.SIGKILL)
    left = [pid for pid in stack.processes() if pid != scheduler and session(pid) == scheduler]
    assert left
    down = stack.command("stack", "down")
    assert down.returncode == 0, down.stderr
    assert stack.processes() == {}
    up = stack.command("stack", "up")
    assert up.returncode == 0, up.stderr
    assert stack.totals("in_utc") == before


def session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
