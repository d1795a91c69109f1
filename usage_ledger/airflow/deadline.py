"""Tells somebody that a run is late: Airflow's deadline alert, where a connection's YAML says `deadline`.

The scheduler computes when a run must have ended; the triggerer notifies, so that full pools and dead workers, by which
a run may be late, keep nobody from hearing of it.
"""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import AsyncCallback, DeadlineAlert
from airflow.sdk.definitions.deadline import BaseDeadlineReference

from usage_ledger.core.redaction import redact
from usage_ledger.core.windows import duration

log = logging.getLogger(__name__)


class RunDue(BaseDeadlineReference):
    """The instant from which a run's deadline counts.

    Of a scheduled run that is when it was due, whenever the scheduler came to it; of a Dag's first one when it was
    made, for the account may have been connected long after that date was due; of a manual run when it was triggered.
    The runs of a backfill wait for each other, and have no deadline.
    """

    required_kwargs = frozenset({"dag_id", "run_id"})

    def _evaluate_with(self, *, session: Any, dag_id: str, run_id: str) -> datetime | None:
        """In the scheduler or the API server, while it makes the run."""
        from airflow.models import DagRun
        from sqlalchemy import select

        of_dag = select(DagRun.run_id, DagRun.run_type, DagRun.run_after).where(DagRun.dag_id == dag_id)
        run = session.execute(of_dag.where(DagRun.run_id == run_id)).one_or_none()
        if run is None or run.run_type == "backfill":
            return None
        others = of_dag.where(DagRun.run_type == "scheduled", DagRun.run_id != run_id)
        if run.run_type == "scheduled" and session.execute(others.limit(1)).first() is None:
            return datetime.now(UTC)
        due: datetime = run.run_after
        return due


def late_alert(connection_id: str, deadline: str) -> DeadlineAlert:
    """The alert of a connection's runs, which must have ended so long after they were due."""
    facts = {"connection_id": connection_id, "deadline": deadline}
    return DeadlineAlert(RunDue(), duration(deadline), AsyncCallback(tell_late, facts))


async def tell_late(connection_id: str, deadline: str, context: dict[str, Any]) -> None:
    """Say that a run has not ended in time: in the triggerer's log, and to those of `USAGE_LEDGER_NOTIFY`."""
    run = context["dag_run"]
    subject = f"Usage Ledger: {connection_id} is late"
    dates = f" of usage date {str(run['logical_date'])[:10]}" if run.get("logical_date") else ""
    text = (
        f"Run {run['dag_run_id']}{dates} has not succeeded within {deadline} after it was due (connection "
        f"{connection_id}). Next step: see the run in Airflow, or `usage-ledger status {connection_id}`."
    )
    log.warning("%s", text)
    await asyncio.to_thread(_notify, subject, text)


def _notify(subject: str, text: str) -> None:
    from usage_ledger.airflow.notify import default_targets, send

    for target in default_targets():
        try:
            send(target, subject, text)
        except Exception as error:  # noqa: BLE001  each hook raises its own, and the next target is to be told
            log.error("nobody was notified by %s: %s", target, redact(f"{type(error).__name__}: {error}"))
