"""What a task of a connection's Dag did, for metrics, spans and lineage where the team has switched them on.

Nothing here may fail a task: what cannot be told is a warning in its log.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from usage_ledger.airflow.metrics import backend, send_lag, send_step
from usage_ledger.airflow.spans import span_of, switched_on
from usage_ledger.connections import Connection
from usage_ledger.core.redaction import redact
from usage_ledger.core.steps import Observer, Step, observed_by

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from usage_ledger.storage.files import AnyPath

log = logging.getLogger(__name__)
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass
class Task:
    """The task that runs in this process: what its steps have done so far, and where they read and write."""

    connection: Connection | None = None
    engine: "Engine | None" = None
    root: "AnyPath | None" = None
    steps: list[Step] = field(default_factory=list)


task = Task()


def note_places(connection: Connection, engine: "Engine", root: "AnyPath") -> None:
    """Remember whose task this is, its warehouse and its raw storage."""
    task.connection, task.engine, task.root = connection, engine, root


def observed(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """A task whose steps are observed; at its end, however that is, the connection's lag is measured."""

    @wraps(function)
    def run(*values: Parameters.args, **named: Parameters.kwargs) -> Result:
        global task
        task = Task()
        try:
            with observed_by(*_observers()):
                return function(*values, **named)
        finally:
            if backend() and task.connection and task.engine:
                with _harmless():
                    send_lag(task.connection, task.engine)

    return run


def _observers() -> Iterator[Observer]:
    yield _remember
    if backend():
        yield _measure
    if switched_on():
        yield span_of


@contextmanager
def _remember(step: Step) -> Iterator[None]:
    task.steps.append(step)
    yield


@contextmanager
def _measure(step: Step) -> Iterator[None]:
    try:
        yield
    finally:
        if task.connection:
            with _harmless():
                send_step(step, task.connection.provider)


@contextmanager
def _harmless() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001  a backend of the team's own may raise anything
        log.warning("the task goes on; its metrics could not be sent: %s", redact(f"{type(error).__name__}: {error}"))
