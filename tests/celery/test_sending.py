"""A scheduler holds the tasks that it cannot send while Redis is away, by the settings of docker-compose.yaml."""

import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.debian_programs import free_port
from machine import Machine, wait_until
from production import Production, secret_names
from servers import Redis

SEND = """
import sys, time
from uuid import uuid4
from airflow.executors.workloads import ExecuteTask, TaskInstance
from airflow.providers.celery.executors.celery_executor import CeleryExecutor

executor = CeleryExecutor()
executor.start()
place = dict(task_id="extract", dag_id="d", run_id="r", try_number=1, map_index=-1)
task = TaskInstance(id=uuid4(), dag_version_id=uuid4(), pool_slots=1, queue="default", priority_weight=1, **place,
                    external_executor_id=str(uuid4()))
bundle = {"name": "b", "version": None}
work = ExecuteTask(ti=task, dag_rel_path="d.py", token="t", log_path=None, bundle_info=bundle)
executor.queue_workload(work, session=None)
print("begins", flush=True)
while not executor.event_buffer:
    executor.heartbeat()
    time.sleep(0.2)
print("state", *(state for state, _ in executor.event_buffer.values()), flush=True)
"""
AWAY = 15.0
"""Seconds; with Airflow's defaults the task is failed after less."""


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[Machine, Redis]]:
    """A scheduler's machine, and its Redis, which was killed."""
    variables = {name: secrets.token_hex(32) for name in secret_names()}
    redis = Redis(tmp_path / "redis", free_port(), variables["REDIS_PASSWORD"])
    redis.kill()
    production = Production(variables, {"redis:6379": f"127.0.0.1:{redis.port}"})
    machine = Machine(tmp_path / "machine", production.environment("airflow-scheduler"), {})
    yield machine, redis
    machine.kill()
    redis.kill()


def test_a_task_is_sent_once_redis_is_back(scheduler: tuple[Machine, Redis]) -> None:
    machine, redis = scheduler
    machine.start("sender", [sys.executable, "-c", SEND])
    wait_until(lambda: "begins" in machine.said("sender"), "the executor", 300)
    time.sleep(AWAY)
    redis.start()
    wait_until(lambda: bool(machine.ended()), "the task to be sent", 120)
    assert machine.said("sender").splitlines()[-1] == "state queued", machine.said("sender")[-3000:]
    assert redis.waiting() == 1
