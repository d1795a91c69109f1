"""The view of a run: what it loaded, changed and held, and why."""

from collections import Counter

from usage_ledger.page.causes import cause_of, with_causes
from usage_ledger.page.reader import Reader, Row
from usage_ledger.page.render import number, render
from usage_ledger.page.schedule import Run, Step

MOST_LOADS = 100
SAID = {
    "loaded": "loaded",
    "held": "held",
    "superseded": "superseded, because the ledger has newer answers",
    "failed": "failed",
}


def run_html(
    reader: Reader, connection_id: str, run_id: str, run: Run | None, steps: tuple[Step, ...] = ()
) -> str | None:
    """The view; None where neither the ledger nor Airflow knows the run. `run` is None where Airflow's is not had."""
    values = {"id": connection_id, "run_id": run_id}
    loads = reader.rows("run_loads", values)
    if not loads and run is None:
        return None
    loads = [row | {"cause": row["error_class"] and cause_of("", row["error_class"])} for row in loads]
    shown = sorted(loads, key=lambda row: row["state"] == "loaded" and not row["error_class"])
    return render(
        "dag_run.html",
        id=connection_id,
        run_id=run_id,
        run=run,
        steps=steps,
        summary=_summary(loads),
        why="" if any(row["state"] in ("loaded", "held") for row in loads) else _why_nothing(loads, run, steps),
        loads=shown[:MOST_LOADS],
        more=len(shown[MOST_LOADS:]),
        changes=reader.rows("run_changes", values),
        events=with_causes(reader.rows("run_events", values)),
    )


def _summary(loads: list[Row]) -> str:
    """What the attempts came to, in a sentence; '' for none."""
    if not loads:
        return ""
    states = Counter(row["state"] for row in loads)
    ended = [f"{number(states[state])} {words}" for state, words in SAID.items() if states[state]]
    open_loads = sum(count for state, count in states.items() if state not in SAID)
    ended += [f"{number(open_loads)} under way or broken off"] if open_loads else []
    rows = sum(row["row_count"] or 0 for row in loads if row["state"] in ("loaded", "held"))
    changed = sum(row["changed_rows"] or 0 for row in loads)
    return (
        f"Windows: {', '.join(ended)}. {number(rows)} rows came, {number(changed)} of earlier dates with other figures."
    )


def _why_nothing(loads: list[Row], run: Run | None, steps: tuple[Step, ...]) -> str:
    """Why a run loaded nothing."""
    failures = Counter(row["error_message"] for row in loads if row["error_message"])
    if failures:
        [(message, count)] = failures.most_common(1)
        return f"{number(count)} of {number(len(loads))} attempts failed: {message}"
    if loads and all(row["state"] == "superseded" for row in loads):
        return "The ledger already had newer answers of all its dates."
    if run and run.state == "queued":
        return "It waits for a slot: nothing is asked for yet."
    if run and run.state == "running":
        return "It goes on: nothing is loaded yet."
    if loads:
        return "Its attempts were broken off before they were loaded: clear the failed task, or run the dates again."
    failed = [step.task_id for step in steps if step.state in ("failed", "up_for_retry", "upstream_failed")]
    if failed:
        return f"Its task {failed[0]} failed before anything was asked for: its log has the cause and the next step."
    return (
        "There was nothing to ask for: the ledger holds its dates, they are not over yet, or the account does not have "
        "the reports. The log of extract says which dates it chose."
    )
