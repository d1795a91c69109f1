"""Runs at the start of Airflow's own processes.

LocalExecutor copies what tasks print to the scheduler's output unmasked; here Airflow's masker is put before that log
too. And the scheduler makes sure that every provider's pool exists, at its start and with every run of ours: a task
whose pool is missing waits for ever. With every run it makes the assets that its loads announce, since of two tasks
that make one asset at once Airflow fails one. It notes on each run which usage dates the run takes.
"""

import logging
import sys

from airflow.listeners import hookimpl

log = logging.getLogger(__name__)


@hookimpl
def on_starting(component: object) -> None:
    """Called in each component, before executors fork; and in each task's process, which is no `Job`."""
    if type(component).__name__ != "Job":
        return
    mask_structlog()
    if "scheduler" in sys.argv:
        _ensure_pools()


@hookimpl
def on_dag_run_running(dag_run: object, msg: str) -> None:
    """Called in the scheduler when a run begins."""
    dag_id = str(getattr(dag_run, "dag_id", ""))
    if dag_id.startswith("usage_") and dag_id != "usage_alerts":
        _ensure_pools()
        _ensure_assets(dag_id.removeprefix("usage_"))
        _write_note(dag_run, dag_id.removeprefix("usage_"))


def mask_structlog() -> None:
    """Put Airflow's masker before the last processor of this process's log."""
    import structlog
    from airflow.sdk.log import mask_logs

    processors = list(structlog.get_config()["processors"])
    if mask_logs not in processors:
        structlog.configure(processors=[*processors[:-1], mask_logs, processors[-1]])


def _ensure_pools() -> None:
    from usage_ledger.airflow.store import ensure_pools, ensure_ports

    try:
        for name in ensure_pools():
            log.warning("made the missing pool %s", name)
        ensure_ports()
    except Exception:
        log.exception("pools could not be checked; a task whose pool is missing waits for ever")


def _write_note(dag_run: object, connection_id: str) -> None:
    from usage_ledger.airflow.run_note import write_note

    try:
        write_note(dag_run, connection_id)
    except Exception:
        log.exception("the run's page does not say which usage dates it takes; the log of `extract` does")


def _ensure_assets(connection_id: str) -> None:
    from usage_ledger.airflow.store import ensure_assets
    from usage_ledger.connections import find_connection
    from usage_ledger.core.errors import ConfigError

    try:
        connection = find_connection(connection_id)
    except ConfigError:
        return  # another's Dag, or a file that is broken or gone: its tasks say so
    try:
        ensure_assets(connection)
    except Exception:
        log.exception(
            "the assets of %s could not be checked; of two loads that announce them at once one may fail", connection_id
        )
