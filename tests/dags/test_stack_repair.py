"""A report fails alone, and a long fill grows as it goes: in a real Airflow."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from kit.stack import Stack, wait_until

pytestmark = pytest.mark.stack

DAY = timedelta(days=1)
YEAR = 365
TWO_YEARS = 730
DAG = "usage_{}"


def trigger(stack: Stack, account: str, run_id: str, days: int) -> tuple[date, date]:
    """A manual run of so many days; its first and last usage date."""
    last = datetime.now(UTC).date() - 3 * DAY
    first = last - (days - 1) * DAY
    stack.wait_for_dag(DAG.format(account))
    with stack.api() as api:
        document = {"dag_run_id": run_id, "logical_date": None, "conf": {"from": str(first), "to": str(last)}}
        api.post(f"/api/v2/dags/{DAG.format(account)}/dagRuns", json=document).raise_for_status()
    return first, last


@contextmanager
def throttled(stack: Stack, account: str, seconds: int) -> Iterator[None]:
    """The account's usage answers 429 for so long."""
    ending = f"/accounts/{account}/billingUsage"
    stack.overruled.answers[ending] = (429, b'{"error": {"message": "slow down"}}')
    stack.overruled.headers[ending] = [(b"retry-after", str(seconds).encode())]
    try:
        yield
    finally:
        del stack.overruled.answers[ending], stack.overruled.headers[ending]


def ended(stack: Stack, account: str, run_id: str, seconds: float) -> str:
    """The state that the run ends in."""
    dag_id = DAG.format(account)
    wait_until(lambda: stack.runs(dag_id)[run_id]["state"] in ("success", "failed"), f"run {run_id}", seconds)
    return str(stack.runs(dag_id)[run_id]["state"])


def attempts(stack: Stack, run_id: str, columns: str) -> list[tuple[Any, ...]]:
    return stack.query(f"SELECT {columns} FROM ops.load WHERE run_id = %s ORDER BY started_at", "ledger", run_id)


def remove(stack: Stack, account: str, run_id: str) -> None:
    """Delete the run, ended or not: other tests look at the connection's first run."""
    path = f"/api/v2/dags/{DAG.format(account)}/dagRuns/{run_id}"
    with stack.api() as api:
        api.patch(path, json={"state": "failed"}).raise_for_status()
        api.delete(path).raise_for_status()


def states(stack: Stack, account: str, run_id: str) -> dict[str, str]:
    return {name: stack.task(DAG.format(account), run_id, name)["state"] for name in ("extract", "load", "repair")}


def test_a_report_throttled_for_a_day_delays_no_other_and_the_grid_names_it(stack: Stack) -> None:
    account, run_id = "in_utc", "throttled_for_a_day"
    with throttled(stack, account, 86400):
        first, _ = trigger(stack, account, run_id, TWO_YEARS)
        wait_until(lambda: states(stack, account, run_id)["repair"] == "up_for_reschedule", "repair to wait", 300)
        waiting = stack.task(DAG.format(account), run_id, "repair")
        label = waiting["rendered_map_index"]
        assert label.startswith("usage waits until 20"), label
        assert label.endswith(" UTC"), label
        assert "cost" not in label
        costs = attempts(stack, run_id, "state, window_from, window_to, ended_at, started_at, report")
        loaded = [row for row in costs if row[-1] == "cost"]
        assert {row[0] for row in loaded} == {"loaded"}
        assert {row[1] + n * DAY for row in loaded for n in range((row[2] - row[1]).days)} == {
            first + n * DAY for n in range(TWO_YEARS)
        }
        # In a tenth of the wait at most; windows were in the ledger before the last ones were asked for.
        [(seconds, portions)] = stack.query(
            "SELECT extract(epoch FROM max(ended_at) - min(started_at)), min(ended_at) < max(started_at)"
            " FROM ops.load WHERE run_id = %s AND state = 'loaded'",
            "ledger",
            run_id,
        )
        assert float(seconds) < 86400 * float(stack.environment["USAGE_LEDGER_RETRY_SCALE"]) / 10
        assert portions
    remove(stack, account, run_id)


def test_a_report_that_waited_is_loaded_by_the_same_run(stack: Stack) -> None:
    account, run_id = "in_los_angeles", "throttled_for_a_while"
    with throttled(stack, account, 600):  # twelve seconds by the stack's USAGE_LEDGER_RETRY_SCALE
        first, last = trigger(stack, account, run_id, 10)
        wait_until(lambda: states(stack, account, run_id)["repair"] == "up_for_reschedule", "repair to wait", 90)
        assert states(stack, account, run_id)["load"] == "success"
    assert ended(stack, account, run_id, 120) == "success"
    expected = stack.truths[account].expected_usage(first, last + DAY, "America/Los_Angeles")
    totals = stack.totals(account)
    assert {day: totals[day] for day in expected} == expected
    remove(stack, account, run_id)


def test_a_fill_that_is_killed_in_its_middle_goes_on_where_it_was(stack: Stack) -> None:
    account, run_id = "in_lord_howe", "killed_fill"
    first, last = trigger(stack, account, run_id, YEAR)

    def count(condition: str) -> int:
        return len([row for row in attempts(stack, run_id, condition) if row[0]])

    wait_until(lambda: count("state = 'loaded'") >= 8, "eight of the windows", 120)
    loaded = set(attempts(stack, run_id, "load_id::text, state"))
    before = {load_id for load_id, state in loaded if state == "loaded"}
    scheduler = json.loads((stack.folder / "run" / "scheduler.json").read_text(encoding="utf-8"))["pid"]
    for pid in [pid for pid in stack.processes() if session(pid) == scheduler]:  # its workers and their tasks too
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    up = stack.command("stack", "up")
    assert up.returncode == 0, up.stderr
    assert ended(stack, account, run_id, 300) == "success"
    rows = attempts(stack, run_id, "load_id::text, report, window_from, window_to, state")
    done = [row for row in rows if row[-1] == "loaded"]
    assert before <= {row[0] for row in done}
    assert len({row[1:4] for row in done}) == len(done)  # nothing twice
    expected = stack.truths[account].expected_usage(first, last + DAY, "Australia/Lord_Howe")
    totals = stack.totals(account)
    assert {day: totals[day] for day in expected} == expected
    remove(stack, account, run_id)


def session(pid: int) -> int | None:
    with suppress(ProcessLookupError):
        return os.getsid(pid)
    return None
