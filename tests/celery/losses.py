"""What is lost in the middle of a backfill: a worker, and the queue's server; and what became of the tasks."""

import time
from datetime import UTC, datetime
from typing import NamedTuple

from machine import wait_until
from production_cluster import Cluster

DOWN = 5.0
"""Seconds until what was killed is started again."""
LATE = 60.0
"""Seconds in which what lost Redis may still end, once Redis is back."""
QUEUE = "AIRFLOW__CELERY__BROKER_URL"
"""The setting of those that use Redis."""
WITHOUT_IT = "redis.exceptions.ConnectionError"
RUNNING = """
SELECT dag_id, run_id, task_id, try_number FROM task_instance WHERE state = 'running' AND pid = ANY(%s)
"""
_TRY = "dag_id, run_id, task_id, try_number, state, start_date, end_date"
TRIES = f"""
SELECT {_TRY} FROM task_instance WHERE start_date IS NOT NULL AND state <> 'skipped'
UNION ALL
SELECT {_TRY} FROM task_instance_history WHERE start_date IS NOT NULL AND state <> 'skipped'
ORDER BY start_date
"""


class Place(NamedTuple):
    """A try of a task."""

    dag: str
    run: str
    task: str
    number: int


class Try(NamedTuple):
    """A try of a task, as Airflow recorded it."""

    place: Place
    state: str
    start: datetime
    end: datetime | None


class Loss(NamedTuple):
    """The tries that a worker took with it, and when."""

    at: datetime
    tries: list[Place]


def tries_of(made: Cluster) -> list[Try]:
    """Every try that began, in their order."""
    return [Try(Place(*row[:4]), *row[4:]) for row in made.metadata(TRIES)]


def lose_worker(made: Cluster, name: str) -> Loss:
    """Kill a worker while it runs a task, with all of its processes; start it again."""
    machine, tries = made.machines[name], list[Place]()

    def runs() -> bool:
        tries[:] = [Place(*row) for row in made.metadata(RUNNING, [process.pid for process in machine.processes()])]
        return bool(tries)

    wait_until(runs, f"{name} to run a task", 60, every=0.2)
    machine.kill()
    loss = Loss(datetime.now(UTC), list(tries))
    time.sleep(DOWN)
    machine.start_again()
    return loss


def lose_queue(made: Cluster) -> None:
    """Kill Redis, and start it again from its file; what it said that it has stays. What ended starts again."""
    mark = str(time.monotonic())
    assert made.redis.asked("SET", "mark", mark) == b"+OK"
    made.redis.kill()
    until = time.monotonic() + DOWN
    made.restarts.allow(QUEUE, WITHOUT_IT, DOWN + LATE)
    while time.monotonic() < until:
        made.restarts.start_ended(made.machines)
        time.sleep(0.1)
    made.redis.start()
    assert made.redis.asked("STRLEN", "mark") == f":{len(mark)}".encode()


def waits(loss: Loss, tries: list[Try]) -> dict[Place, float]:
    """Seconds from the loss to the next try of each task that was lost."""
    starts = {one.place: one.start for one in tries}
    following = {place: starts.get(place._replace(number=place.number + 1)) for place in loss.tries}
    return {place: (start - loss.at).total_seconds() for place, start in following.items() if start}
