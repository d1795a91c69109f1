"""What Airflow's metadata say of the connections' Dags: paused, next run, newest runs, tasks of a run."""

import logging
from collections.abc import Iterable
from typing import Any

from usage_ledger.airflow.credentials import metadata
from usage_ledger.airflow.dag import PREFIX
from usage_ledger.airflow.tasks import TASKS
from usage_ledger.core.errors import ConfigError
from usage_ledger.page.schedule import Run, Schedule, Step

log = logging.getLogger(__name__)
NEWEST = 5
WAITING = ("up_for_reschedule", "up_for_retry")


def schedules_of(connection_ids: Iterable[str]) -> dict[str, Schedule]:
    """Paused or not, and the next run, of connections whose Dag Airflow knows; none where Airflow cannot be read."""
    from airflow.models.dag import DagModel
    from sqlalchemy import select

    dags = [f"{PREFIX}{one}" for one in connection_ids]
    columns = (DagModel.dag_id, DagModel.is_paused, DagModel.next_dagrun_create_after)
    try:
        with metadata() as session:
            rows = session.execute(select(*columns).where(DagModel.dag_id.in_(dags), ~DagModel.is_stale)).all()
    except ConfigError as error:
        log.warning("the Usage page shows no schedule: %s", error)
        return {}
    return {
        dag.removeprefix(PREFIX): Schedule(bool(paused), None if paused else next_at) for dag, paused, next_at in rows
    }


def schedule_of(connection_id: str) -> Schedule | None:
    """The same of one connection, with its newest runs and what they wait for; None where there is no such Dag."""
    schedule = schedules_of([connection_id]).get(connection_id)
    if schedule is None:
        return None
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    dag_id = f"{PREFIX}{connection_id}"
    try:
        with metadata() as session:
            newest = select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.run_after.desc()).limit(NEWEST)
            runs = tuple(_run(one) for one in session.scalars(newest))
            steps = session.scalars(
                select(TaskInstance).where(
                    TaskInstance.dag_id == dag_id,
                    TaskInstance.run_id.in_([run.run_id for run in runs]),
                    TaskInstance.state.in_(WAITING),
                )
            )
            waits = tuple(note for step in steps if (note := _step(step).note))
    except ConfigError as error:
        log.warning("the Usage page shows no runs: %s", error)
        return schedule
    return Schedule(schedule.paused, schedule.next_at, runs, waits)


def run_of(dag_id: str, run_id: str) -> tuple[Run | None, tuple[Step, ...]]:
    """A run and its tasks in the order in which they run; None where Airflow does not know it, or cannot be read."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    try:
        with metadata() as session:
            run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
            tasks = select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
            steps = map(_step, session.scalars(tasks) if run else ())
            return (_run(run) if run else None), tuple(sorted(steps, key=_place))
    except ConfigError as error:
        log.warning("the Usage page shows no tasks: %s", error)
        return None, ()


def _run(row: Any) -> Run:
    kind = getattr(row.run_type, "value", row.run_type)
    return Run(row.run_id, str(row.state or ""), str(kind), row.run_after, row.start_date, row.end_date)


def _step(row: Any) -> Step:
    note = row.rendered_map_index or "" if row.state in WAITING else ""
    return Step(row.task_id, str(row.state or "none"), row.try_number, note)


def _place(step: Step) -> int:
    """Its place in a run; a task that is none of ours comes last."""
    return TASKS.index(step.task_id) if step.task_id in TASKS else len(TASKS)
