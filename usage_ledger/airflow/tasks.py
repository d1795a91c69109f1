"""The tasks of a connection's Dag: the steps of `pipeline`, given what Airflow knows.

Four tasks handle the newest windows of all reports in bulk. A fifth, `repair`, runs only when something is left: it
loads it window by window, waits for a provider that asks to, and fails with the cause when something stays missing.
XCom carries load ids and integers only. Step modules are imported inside the tasks: parsing a Dag file must not pay
for pandas.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowRescheduleException, DownstreamTasksSkipped

from usage_ledger.airflow.assets import announce
from usage_ledger.airflow.handover import (
    DATES,
    LEFT,
    LOADS,
    SINCE,
    WINDOWS,
    cause,
    decode,
    encode,
    remaining_of,
    waiting,
)
from usage_ledger.airflow.observed import note_places, observed
from usage_ledger.airflow.retry_policy import wait_of
from usage_ledger.airflow.run_dates import dates_of_run, described
from usage_ledger.airflow.task_log import explained
from usage_ledger.connections import Connection, find_connection
from usage_ledger.core.errors import TryAgain, UsageLedgerError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from usage_ledger.http.client import Client
    from usage_ledger.storage.files import AnyPath

log = logging.getLogger(__name__)

TASKS = ("extract", "transform", "validate", "load", "repair")


@explained
@observed
def extract(connection_id: str) -> None:
    """Ask the provider for the newest windows of each report and land the answers; `repair` gets the others."""
    from usage_ledger.pipeline.repair import portion
    from usage_ledger.pipeline.run import extract_all, planned, prepare_warehouse

    context = get_current_context()
    run = context["dag_run"]
    connection, engine, root = _resources(connection_id)
    now = datetime.now(UTC)
    dates = dates_of_run(connection, run, context["params"], now)
    log.info("%s", described(dates))
    context["ti"].xcom_push(key=DATES, value=[int(f"{day:%Y%m%d}") for day in (dates.first, dates.last)])
    with _client(connection) as client:
        prepare_warehouse(connection, engine)
        backfill = run.run_type == "backfill"
        requests = planned(connection, dates, engine=engine, now=now, backfill=backfill, client=client)
        first, later = portion(requests)
        done = extract_all(
            connection,
            first,
            client=client,
            engine=engine,
            root=root,
            run_id=run.run_id,
            sweeping=not backfill,  # the daily run does
        )
    if done.stopped and not done.load_ids:
        raise done.stopped from None
    left = [*later, *remaining_of(done)]
    handed = {LOADS: done.load_ids, LEFT: len(left), SINCE: int(now.timestamp())}
    _hand_over(handed | {WINDOWS: encode(connection, left)} if left else handed, done.failures, of=len(first))


@explained
@observed
def transform(connection_id: str) -> None:
    """Stage every landed load as Parquet."""
    from usage_ledger.pipeline.transform import transform as step

    connection, engine, root = _prepared(connection_id)
    _each("extract", lambda load_id: step(connection, load_id, engine=engine, root=root))


@explained
@observed
def validate(connection_id: str) -> None:
    """Check every staged load against its data contract."""
    from usage_ledger.pipeline.validate import validate as step

    connection, engine, root = _prepared(connection_id)
    _each("transform", lambda load_id: step(connection, load_id, engine=engine, root=root))


@explained
@observed
def load(connection_id: str, outlet_events: Any) -> None:
    """Bring every validated load into the ledger; announce the tables that changed. Skip `repair` if nothing is left.

    Airflow takes announcements from a try that succeeds alone: a later try announces what an earlier one has written.
    """
    from usage_ledger.pipeline.load import load as step
    from usage_ledger.pipeline.run import each

    connection, engine, root = _prepared(connection_id)
    handed = _handed("validate")
    ids = handed[LOADS]
    passed, failures, outcomes = each(ids, lambda load_id: step(connection, load_id, engine=engine, root=root))
    if not passed and not handed[LEFT]:
        _raise_if_final(failures, of=len(ids))
    again = get_current_context()["ti"].try_number > 1
    announce(connection, engine, outcomes, outlet_events, connection.chosen_reports if again else ())
    if not failures and not handed[LEFT]:
        raise DownstreamTasksSkipped(tasks=["repair"])


@explained
@observed
def repair(connection_id: str, outlet_events: Any) -> None:
    """Load, window by window, what the other tasks left: all beyond the first windows, and what had to wait.

    While a report must wait, the task is rescheduled and holds no slot; its map index in the grid names the report and
    the instant. Each pass begins with what the passes before it have loaded.
    """
    from contextlib import ExitStack

    from usage_ledger.pipeline.repair import Repair

    context = get_current_context()
    connection, engine, root = _prepared(connection_id)
    handed = _handed("extract")
    remaining = decode(connection, handed.get(WINDOWS, []))
    with ExitStack() as stack:
        work = Repair(
            connection,
            client=cache(lambda: stack.enter_context(_client(connection))),
            engine=engine,
            root=root,
            run_id=context["dag_run"].run_id,
            wait=wait_of,
        )
        done = work.run(remaining, handed[LOADS], since=handed[SINCE])
    if done.missing:
        label, until = waiting(done.missing)
        context["waiting"] = label  # the map index, by the task's template
        if until is None:
            raise cause(connection, done.missing) from None
        log.warning("%s: %s", label, cause(connection, done.missing))
        raise AirflowRescheduleException(until)
    names = {one.report.name for one in remaining}
    reports = [report for report in connection.chosen_reports if report.name in names]
    announce(connection, engine, done.outcomes, outlet_events, reports)


def _resources(connection_id: str) -> tuple[Connection, "Engine", "AnyPath"]:
    """What every step takes: the connection, the warehouse, raw storage."""
    from airflow.sdk import ObjectStoragePath

    from usage_ledger.airflow.credentials import warehouse_url
    from usage_ledger.storage.root import raw_root
    from usage_ledger.warehouse.engine import warehouse_engine

    # Airflow's path object, so that a cloud's credentials may be an Airflow connection.
    places = find_connection(connection_id), warehouse_engine(warehouse_url()), raw_root(ObjectStoragePath)
    note_places(*places)
    return places


def _prepared(connection_id: str) -> tuple[Connection, "Engine", "AnyPath"]:
    """The same for the steps after extract, on a worker that may have another release than the one that ran extract."""
    from usage_ledger.warehouse.releases import require_release

    connection, engine, root = _resources(connection_id)
    require_release(engine)
    return connection, engine, root


def _client(connection: Connection) -> "Client":
    from usage_ledger.airflow.identity import provider_credential
    from usage_ledger.airflow.stores import store_path
    from usage_ledger.http.client import client_for

    return client_for(connection, provider_credential(connection), path_of=store_path)


def _handed(task_id: str) -> dict[str, Any]:
    """What a task handed over: load ids, how many windows are left, and extract's windows and start."""
    return dict(get_current_context()["ti"].xcom_pull(task_ids=task_id, key=LOADS) or {LOADS: [], LEFT: 0, SINCE: 0})


def _each(upstream: str, step: Callable[[str], object]) -> None:
    from usage_ledger.pipeline.run import each

    handed = _handed(upstream)
    passed, failures, _ = each(handed[LOADS], step)
    _hand_over({LOADS: passed, LEFT: handed[LEFT] + len(failures)}, failures, of=len(handed[LOADS]))


def _hand_over(handed: dict[str, Any], failures: Sequence[UsageLedgerError], *, of: int) -> None:
    """Pass on what a task did. With no load to go on with, the tasks up to `repair` are skipped."""
    context = get_current_context()
    context["ti"].xcom_push(key=LOADS, value=handed)
    if handed[LOADS]:
        return
    if len(failures) == handed[LEFT]:
        _raise_if_final(failures, of=of)
    following = TASKS[TASKS.index(context["ti"].task_id) + 1 :]
    raise DownstreamTasksSkipped(tasks=list(following if not handed[LEFT] else following[:-1]))


def _raise_if_final(failures: Sequence[UsageLedgerError], *, of: int) -> None:
    """Fail here when no later try can help."""
    if not failures or any(isinstance(failure, TryAgain) for failure in failures):
        return
    chosen = failures[0]
    if of > 1:
        chosen.what += f"; {len(failures)} of {of} loads failed"
    raise chosen from None
