"""The demo: a stack, connections to the sandbox, a backfill by the real scheduler, and what the ledger then says."""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from usage_ledger.airflow.credentials import local_url
from usage_ledger.console import Progress, say, table
from usage_ledger.core.errors import ConfigError, Unreachable, UsageLedgerError
from usage_ledger.core.windows import DAY
from usage_ledger.local import stack
from usage_ledger.local.accounts import AT, BACKFILLED, DEFAULT, connection_of, invented_account, is_left
from usage_ledger.local.demo_owners import begin_owners, demo_owners, give_owners
from usage_ledger.local.postgres import LEDGER
from usage_ledger.local.settings import LOGIN
from usage_ledger.money.prices import apply_prices
from usage_ledger.money.team_costs import record_team_costs
from usage_ledger.money.verdict import record_verdicts
from usage_ledger.warehouse.engine import transaction, warehouse_engine
from usage_ledger.warehouse.sql import statement

TOTALS = (
    ("Per usage date", "demo/per_day"),
    ("Per model", "demo/per_model"),
    ("Does it equal the bill? Days by verdict", "demo/verdicts"),
)
PATIENCE = 900.0
"""Seconds in which one more usage date, or connection, is loaded, also on a busy machine."""


def start(*, sandbox: bool = False) -> None:
    """Bring the stack up, saying what happens; makes pools and says where Airflow is."""
    began = time.monotonic()
    stack.up(lambda part: say(f"  starting {part} …"), sandbox=sandbox or is_left())
    from usage_ledger.airflow.store import ensure_pools
    from usage_ledger.warehouse.schema import ensure_schema

    ensure_pools()
    ensure_schema(warehouse_engine(local_url(LEDGER)))
    say(f"  up after {time.monotonic() - began:.0f} s")
    say(f"Airflow: {stack.address()}  (login {LOGIN}, password {LOGIN})")


def demo(days: int, providers: Sequence[str] = DEFAULT) -> None:
    """The whole story. Run again, it changes nothing. Raises `ConfigError` when a run fails."""
    begin_owners()
    start(sandbox=True)
    from usage_ledger.airflow.timetable import UsageDay  # Airflow reads its configuration when it is first imported

    for provider in providers:
        _connect(provider)
    newest = UsageDay(AT, "UTC").newest(datetime.now(UTC))
    dates = [newest - DAY * n for n in reversed(range(days))]
    others = [connection_of(provider) for provider in providers if provider != BACKFILLED]
    api = stack.AirflowApi()
    for connection_id in others:
        begin_range(api, dates, _dag(connection_id))
    if BACKFILLED in providers:
        backfill(api, dates, _dag(connection_of(BACKFILLED)))
        say(f"  {len(dates)} usage dates of {connection_of(BACKFILLED)} were loaded by the scheduler, a run each")
    if others:
        wait_for_ranges(api, dates, [_dag(connection_id) for connection_id in others])
        say(f"  {len(dates)} usage dates of {', '.join(others)} were loaded by one run each")
    print_totals(dates, [connection_of(provider) for provider in providers])
    say(f"Airflow: {stack.address()}/dags/{_dag(connection_of(providers[0]))}  (login {LOGIN}, password {LOGIN})")
    if give_owners(warehouse_engine(local_url(LEDGER))):
        path = demo_owners()
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        say(f"Teams:   {shown} says who owns what; in Airflow: Usage, Explore, by team")
    say("Query:   .venv/bin/usage-ledger psql     then, for example:  SELECT * FROM marts.daily_usage_by_api_key;")
    say("Stop:    make down")


def backfill(api: stack.AirflowApi, dates: list[date], dag_id: str, *, seconds: float = PATIENCE) -> None:
    """Let Airflow backfill the usage dates that have no run yet, and wait until every date's run succeeded."""
    _wait_for_dag(api, dag_id)
    usage_dates = {day.isoformat() for day in dates}
    with Progress("backfill") as bar:
        bar.begin(len(usage_dates))
        if usage_dates - _states(api, dag_id, dates).keys():
            _create_backfill(api, dag_id, dates)
        deadline, before = time.monotonic() + seconds, 0
        while True:
            states = _states(api, dag_id, dates)
            done = {day for day, state in states.items() if state == "success"} & usage_dates
            if len(done) > before:
                deadline, before = time.monotonic() + seconds, len(done)
            bar.reach(len(done), f"{len(done)} of {len(usage_dates)} usage dates")
            failed = sorted(day for day, state in states.items() if state == "failed" and day in usage_dates)
            if failed:
                raise ConfigError(
                    f"the run of {failed[0]} failed", next_step=f"see its tasks at {stack.address()}/dags/{dag_id}"
                )
            if done == usage_dates:
                return
            if time.monotonic() > deadline:
                raise ConfigError(
                    f"no usage date more was loaded in {seconds:g} seconds: {len(done)} of {len(usage_dates)} are",
                    next_step=f"see {stack.address()}/dags/{dag_id}, and run the command again: it goes on from there",
                )
            time.sleep(0.5)


def begin_range(api: stack.AirflowApi, dates: list[date], dag_id: str) -> None:
    """Let Airflow load the usage dates by one run, the fewest requests, unless it has one."""
    _wait_for_dag(api, dag_id)
    run = f"/dags/{dag_id}/dagRuns/{_range_id(dates)}"
    if api.get(run) is not None:
        return
    conf = {"from": str(dates[0]), "to": str(dates[-1])}
    document = {"dag_run_id": _range_id(dates), "logical_date": None, "conf": conf}
    for attempt in range(1, stack.READS + 1):
        try:
            answer = api.post(f"/dags/{dag_id}/dagRuns", document)
        except Unreachable:
            if api.get(run) is not None:  # no answer came, and yet it is there
                return
            if attempt == stack.READS:
                raise
            continue
        if not answer.is_success and api.get(run) is None:
            raise ConfigError(f"Airflow refused a run of {dag_id} ({answer.status_code}: {answer.text[:200]})")
        return


def wait_for_ranges(
    api: stack.AirflowApi, dates: list[date], dag_ids: Sequence[str], *, seconds: float = PATIENCE
) -> None:
    """Wait until the run of each Dag succeeded. Raises `ConfigError` for the first that did not."""
    deadline, waiting = time.monotonic() + seconds, list(dag_ids)
    with Progress("runs") as bar:
        bar.begin(len(dag_ids))
        while waiting:
            states = {dag_id: api.get(f"/dags/{dag_id}/dagRuns/{_range_id(dates)}")["state"] for dag_id in waiting}
            if "success" in states.values():
                deadline = time.monotonic() + seconds
            waiting = [dag_id for dag_id in waiting if states[dag_id] != "success"]
            bar.reach(len(dag_ids) - len(waiting), f"{len(dag_ids) - len(waiting)} of {len(dag_ids)} connections")
            late = waiting[:1] if time.monotonic() > deadline else []
            for dag_id in [dag_id for dag_id in waiting if states[dag_id] == "failed"] or late:
                raise ConfigError(
                    f"the run {_range_id(dates)} of {dag_id} is {states[dag_id]}",
                    next_step=f"see its tasks at {stack.address()}/dags/{dag_id}",
                )
            if waiting:
                time.sleep(0.5)


def print_totals(dates: list[date], connections: Sequence[str]) -> None:
    """The ledger's totals per day and per model, and the verdict on the bill, of these connections; without the columns
    that are empty all over."""
    engine = warehouse_engine(local_url(LEDGER))
    apply_prices(engine)
    record_team_costs(engine)
    record_verdicts(engine)
    values = {"connections": list(connections), "first": dates[0], "last": dates[-1]}
    for title, name in TOTALS:
        with transaction(engine) as cursor:
            cursor.execute(statement(name), values)
            rows = cursor.fetchall()
            names = [column.name for column in cursor.description or ()]
        filled = [place for place in range(len(names)) if any(row[place] is not None for row in rows)]
        table(title, [names[place] for place in filled], [[row[place] for place in filled] for row in rows])


def _connect(provider: str) -> None:
    from usage_ledger.airflow.onboarding import connect

    key = stack.sandbox_key_file().read_text(encoding="utf-8").strip()
    document, credential = invented_account(provider, key, stack.sandbox_address())
    connect(connection_of(provider), document, credential, engine=warehouse_engine(local_url(LEDGER)))
    say(f"  connected {connection_of(provider)} to the sandbox")


def _dag(connection_id: str) -> str:
    return f"usage_{connection_id}"


def _range_id(dates: list[date]) -> str:
    return f"demo_{dates[0]}_{dates[-1]}"


def _wait_for_dag(api: stack.AirflowApi, dag_id: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while api.get(f"/dags/{dag_id}") is None:
        if time.monotonic() > deadline:
            raise ConfigError(f"the Dag {dag_id} did not appear", next_step="see .local/logs/dag-processor.log")
        time.sleep(0.5)


def _states(api: stack.AirflowApi, dag_id: str, dates: list[date]) -> dict[str, str]:
    """The state of each usage date's run. A logical date is its usage date at 00:00 UTC."""
    midnight = "T00:00:00Z"
    answer = api.get(
        f"/dags/{dag_id}/dagRuns",
        logical_date_gte=f"{dates[0]}{midnight}",
        logical_date_lte=f"{dates[-1]}{midnight}",
        limit=100,
    )
    runs = answer["dag_runs"] if answer else []
    return {run["logical_date"][:10]: run["state"] for run in runs if run["run_type"] in ("backfill", "scheduled")}


def _create_backfill(api: stack.AirflowApi, dag_id: str, dates: list[date]) -> None:
    """Ask Airflow: one unfinished backfill a Dag is its rule, and it notes the end of one half a minute late."""
    document = {
        "dag_id": dag_id,
        "from_date": f"{dates[0]}T00:00:00Z",
        "to_date": f"{dates[-1]}T00:00:00Z",
        "run_backwards": False,
        "dag_run_conf": {},
        "reprocess_behavior": "failed",
        "max_active_runs": 4,
    }
    earlier = _backfills(api, dag_id)
    deadline = time.monotonic() + timedelta(minutes=2).total_seconds()
    while True:
        failure = _ask_for_backfill(api, document)
        if failure is None or _backfills(api, dag_id) - earlier:  # no answer came, and yet it is there
            return
        if time.monotonic() > deadline:
            raise failure
        time.sleep(2)


def _ask_for_backfill(api: stack.AirflowApi, document: dict[str, Any]) -> UsageLedgerError | None:
    """None when Airflow took it, else why it may take it later. Raises `ConfigError` when it never will."""
    try:
        answer = api.post("/backfills", document)
    except Unreachable as error:
        return error
    if answer.is_success:
        return None
    refusal = ConfigError(f"Airflow refused the backfill ({answer.status_code}: {answer.text[:200]})")
    if answer.status_code != 409:
        raise refusal
    return refusal


def _backfills(api: stack.AirflowApi, dag_id: str) -> set[int]:
    """The ids of the Dag's backfills."""
    answer = api.get("/backfills", dag_id=dag_id, limit=100, order_by="-id")
    return {backfill["id"] for backfill in answer["backfills"]} if answer else set()
