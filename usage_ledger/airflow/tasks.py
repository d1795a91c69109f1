"""The four tasks of a connection's Dag: the steps of `pipeline`, given what Airflow knows.

XCom carries load ids alone. A task goes on with the loads that can go on and fails for the others at its end; the
last task fails for every load of the run that failed on the way, so that the run is red although the rest was loaded.
Step modules are imported inside the tasks: parsing a Dag file must not pay for pandas.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from usage_ledger.connections import Connection, find_connection
from usage_ledger.core.errors import BadWindow, PersonMustAct, TryAgain, UsageLedgerError
from usage_ledger.core.project import local_folder
from usage_ledger.pipeline.plan import Dates, asked_range

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from usage_ledger.storage.files import AnyPath

LOADS = "loads"
"""The XCom key of a task's load ids."""


def loaded_alias(connection_id: str) -> str:
    """The asset alias through which a connection's loads announce changes."""
    return f"loaded/{connection_id}"


def table_asset(connection_id: str, table: str) -> Asset:
    """The asset of a connection's rows in one table, for other Dags to be scheduled on."""
    return Asset(name=f"{table}/{connection_id}", uri=f"usage-ledger://{connection_id}/{table}")


def extract(connection_id: str) -> None:
    """Ask the provider for every window of the run and land the answers."""
    from usage_ledger.airflow.credentials import provider_credential
    from usage_ledger.http.client import client_for
    from usage_ledger.pipeline.run import extract_all, planned
    from usage_ledger.warehouse.loads import register
    from usage_ledger.warehouse.schema import ensure_schema

    context = get_current_context()
    run = context["dag_run"]
    connection, engine, root = _surroundings(connection_id)
    now = datetime.now(UTC)
    dates = dates_of_run(connection, run, context["params"], now)
    credential = provider_credential(connection)
    ensure_schema(engine)
    register(engine, connection.id, connection.provider, connection.account, connection.timezone)
    backfill = run.run_type == "backfill"
    asked = planned(connection, dates, engine=engine, now=now, backfill=backfill)
    with client_for(connection, credential) as client:
        done = extract_all(
            connection,
            asked,
            client=client,
            engine=engine,
            root=root,
            run_id=run.run_id,
            sweeping=not backfill,  # the daily run does
        )
    context["ti"].xcom_push(key=LOADS, value=done.load_ids)
    _raise(done.failures, of=len(asked))


def transform(connection_id: str) -> None:
    """Stage every landed load as Parquet."""
    from usage_ledger.pipeline.transform import transform as step

    connection, engine, root = _surroundings(connection_id)
    _each("extract", lambda load_id: step(connection, load_id, engine=engine, root=root))


def validate(connection_id: str) -> None:
    """Check every staged load against its data contract."""
    from usage_ledger.pipeline.validate import validate as step

    connection, engine, root = _surroundings(connection_id)
    _each("transform", lambda load_id: step(connection, load_id, engine=engine, root=root))


def load(connection_id: str, outlet_events: Any) -> None:
    """Bring every validated load into the ledger; announce the tables that changed.

    Airflow takes announcements from a try that succeeds alone: a later try announces what an earlier one has written.
    """
    from usage_ledger.contracts.registry import contract
    from usage_ledger.pipeline.load import load as step
    from usage_ledger.pipeline.run import each
    from usage_ledger.warehouse.loads import written_in_run

    connection, engine, root = _surroundings(connection_id)
    ids = _ids("validate")
    _, failures, outcomes = each(ids, lambda load_id: step(connection, load_id, engine=engine, root=root))
    changed: dict[str, int] = {}
    for outcome in outcomes:
        for table, rows in outcome.changed.items():
            changed[table] = changed.get(table, 0) + rows
    _raise(failures, of=len(ids))
    _fail_for_earlier_tasks()
    context = get_current_context()
    if context["ti"].try_number > 1:
        for table in {table for report in connection.chosen_reports for table in report.tables}:
            rows = written_in_run(engine, contract(table), connection_id, context["dag_run"].run_id)
            changed[table] = max(changed.get(table, 0), rows)
    for table, rows in changed.items():
        if rows:
            alias = outlet_events[AssetAlias(loaded_alias(connection_id))]
            alias.add(table_asset(connection_id, table), extra={"changed_rows": rows})


def dates_of_run(connection: Connection, run: Any, params: Mapping[str, Any], now: datetime) -> Dates:
    """The usage dates of a Dag run, by its type. Raises `BadWindow`.

    A scheduled run heals: look-back and gaps. A backfill run takes its own day. A manual run takes `from` and `to`,
    else the last complete usage date.
    """
    unknown = sorted(set(params) - {"from", "to"})
    if unknown:
        raise BadWindow(
            f"unknown params: {', '.join(unknown)}", connection=connection.id, next_step="use `from` and `to`"
        )
    given = {name: params.get(name) for name in ("from", "to")}
    if run.run_type in ("scheduled", "backfill"):
        if any(given.values()):
            raise BadWindow(
                f"a {run.run_type} run takes no `from` and `to`",
                connection=connection.id,
                next_step="leave them empty, or trigger a manual run",
            )
        day = run.data_interval_start.astimezone(UTC).date()
        return Dates(day, day, heal=run.run_type == "scheduled")
    try:
        return asked_range(
            given["from"], given["to"], now=now if any(given.values()) else run.run_after, connection=connection
        )
    except UsageLedgerError as error:
        raise error.about(connection=connection.id) from None


def _surroundings(connection_id: str) -> tuple[Connection, "Engine", "AnyPath"]:
    """What every step takes: the connection, the warehouse, raw storage. From here on the task's log is redacted."""
    from usage_ledger.airflow.credentials import warehouse_url
    from usage_ledger.airflow.task_log import redact_task_log
    from usage_ledger.warehouse.engine import warehouse_engine

    redact_task_log()
    return find_connection(connection_id), warehouse_engine(warehouse_url()), raw_root()


def raw_root() -> "AnyPath":
    """Raw storage as Airflow's path object, so that a cloud's credentials may be an Airflow connection."""
    from airflow.sdk import ObjectStoragePath

    root: AnyPath = ObjectStoragePath(os.environ.get("USAGE_LEDGER_RAW") or f"file://{local_folder() / 'raw'}")
    return root


def _ids(task_id: str) -> list[str]:
    found = get_current_context()["ti"].xcom_pull(task_ids=task_id, key=LOADS)
    return list(found or [])


def _each(upstream: str, step: Callable[[str], object]) -> None:
    from usage_ledger.pipeline.run import each

    ids = _ids(upstream)
    if not ids:
        raise AirflowSkipException(f"{upstream} passed on no load")
    passed, failures, _ = each(ids, step)
    get_current_context()["ti"].xcom_push(key=LOADS, value=passed)
    _raise(failures, of=len(ids))


def _raise(failures: Sequence[UsageLedgerError], *, of: int) -> None:
    """The failure that decides about a retry: one that may pass by itself, if there is any."""
    if not failures:
        return
    chosen = next((failure for failure in failures if isinstance(failure, TryAgain)), failures[0])
    if len(failures) > 1 or of > 1:
        chosen.what = f"{len(failures)} of {of} loads failed, one because {chosen.what}"
    raise chosen from None


def _fail_for_earlier_tasks() -> None:
    context = get_current_context()
    run, ti = context["dag_run"], context["ti"]
    states = ti.get_task_states(dag_id=run.dag_id, run_ids=[run.run_id])
    failed = [task for task, state in states.get(run.run_id, {}).items() if state in ("failed", "upstream_failed")]
    if failed:
        raise PersonMustAct(
            f"what could be loaded was loaded, but {', '.join(sorted(failed))} failed for a part of this run",
            next_step="see the log of that task, or ops.event; clear it to try again",
        )
