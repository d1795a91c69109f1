"""The demo: a stack, a connection to the sandbox, a backfill by the real scheduler, and what the ledger then says."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

from usage_ledger.airflow.credentials import local_url
from usage_ledger.console import Progress, say, table
from usage_ledger.core.errors import ConfigError, Unreachable, UsageLedgerError
from usage_ledger.core.project import connections_folder
from usage_ledger.core.windows import DAY
from usage_ledger.local import stack
from usage_ledger.local.postgres import LEDGER
from usage_ledger.local.settings import LOGIN
from usage_ledger.warehouse.engine import transaction, warehouse_engine
from usage_ledger.warehouse.sql import statement

CONNECTION, OTHER, ACCOUNT, AT = "fireworks_demo", "openai_demo", "sandbox", "03:00"
DAG = f"usage_{CONNECTION}"


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


def is_left() -> bool:
    """Whether a connection of the demo is still there: its daily runs would fail without the sandbox."""
    return any((connections_folder() / f"{name}.yaml").exists() for name in (CONNECTION, OTHER))


def demo(days: int) -> None:
    """The whole story. Run again, it changes nothing. Raises `ConfigError` when a run fails."""
    start(sandbox=True)
    from usage_ledger.airflow.timetable import UsageDay  # Airflow reads its configuration when it is first imported

    _connect(CONNECTION, "fireworks")
    _connect(OTHER, "openai", reports=["completions", "costs"])
    newest = UsageDay(AT, "UTC").newest(datetime.now(UTC))
    dates = [newest - DAY * n for n in reversed(range(days))]
    backfill(dates)
    say(f"  {len(dates)} usage dates of {CONNECTION} were loaded by the scheduler, a run each")
    load_range(dates)
    say(f"  the same dates of {OTHER} were loaded by one run")
    print_totals(dates)
    say(f"Airflow: {stack.address()}/dags/{DAG}  (login {LOGIN}, password {LOGIN})")
    say("Query:   .venv/bin/usage-ledger psql     then, for example:  SELECT * FROM marts.daily_usage_by_api_key;")
    say("Stop:    make down")


def backfill(dates: list[date], dag_id: str = DAG, *, seconds: float = 300) -> None:
    """Let Airflow backfill the usage dates that have no run yet, and wait until every date's run succeeded."""
    api = stack.AirflowApi()
    _wait_for_dag(api, dag_id)
    usage_dates = {day.isoformat() for day in dates}
    with Progress("backfill") as bar:
        bar.begin(len(usage_dates))
        if usage_dates - _states(api, dag_id, dates).keys():
            _create_backfill(api, dag_id, dates)
        deadline = time.monotonic() + seconds
        while True:
            states = _states(api, dag_id, dates)
            done = {day for day, state in states.items() if state == "success"} & usage_dates
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
                    f"the backfill is not done after {seconds:g} seconds", next_step="see the scheduler's log"
                )
            time.sleep(0.5)


def load_range(dates: list[date], dag_id: str = f"usage_{OTHER}", *, seconds: float = 300) -> None:
    """Let Airflow load the usage dates by one run, the fewest requests, unless one has; wait until it succeeded."""
    api = stack.AirflowApi()
    _wait_for_dag(api, dag_id)
    run_id = f"demo_{dates[0]}_{dates[-1]}"
    if api.get(f"/dags/{dag_id}/dagRuns/{run_id}") is None:
        conf = {"from": str(dates[0]), "to": str(dates[-1])}
        try:
            answer = api.post(f"/dags/{dag_id}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": conf})
        except Unreachable:
            if api.get(f"/dags/{dag_id}/dagRuns/{run_id}") is None:
                raise
        else:
            if not answer.is_success:
                raise ConfigError(f"Airflow refused the run ({answer.status_code}: {answer.text[:200]})")
    deadline = time.monotonic() + seconds
    while (state := api.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"]) != "success":
        if state == "failed" or time.monotonic() > deadline:
            raise ConfigError(
                f"the run {run_id} is {state}", next_step=f"see its tasks at {stack.address()}/dags/{dag_id}"
            )
        time.sleep(0.5)


def print_totals(dates: list[date]) -> None:
    """The ledger's totals per day and per model, of the demo's connections."""
    engine = warehouse_engine(local_url(LEDGER))
    values = {"connections": [CONNECTION, OTHER], "first": dates[0], "last": dates[-1]}
    for title, name in (("Per usage date", "demo/per_day"), ("Per model", "demo/per_model")):
        with transaction(engine) as cursor:
            cursor.execute(statement(name), values)
            rows = cursor.fetchall()
            table(title, [column.name for column in cursor.description or ()], rows)


def _connect(connection_id: str, provider: str, **more: object) -> None:
    from usage_ledger.airflow.onboarding import connect
    from usage_ledger.http.credential import Credential

    key = stack.sandbox_key_file().read_text(encoding="utf-8").strip()
    document = {"provider": provider, "account": ACCOUNT, "timezone": "UTC", "at": AT, **more}
    engine = warehouse_engine(local_url(LEDGER))
    connect(connection_id, document, Credential(key, host=stack.sandbox_address()), engine=engine)
    say(f"  connected {connection_id} to the sandbox")


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
