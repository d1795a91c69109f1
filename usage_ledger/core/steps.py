"""What a step of a load did, for whoever observes it: metrics, spans, lineage. The steps know no observer.

A step counts as it goes, wherever in the code that is; without an observer the counts are thrown away.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from usage_ledger.core.windows import Window


class Broken(NamedTuple):
    """Rows that break a rule of a data contract; a critical rule keeps their dates from loading."""

    rows: int
    critical: bool


@dataclass
class Step:
    """One step of one load: extract, transform, validate or load."""

    name: str
    connection_id: str
    report: str
    window: Window
    load_id: str
    origin: str = ""
    """Of extract: whom the requests go to, `https://host`."""
    counts: Counter[str] = field(default_factory=Counter)
    """Of extract: `requests` sent, `retries` among them, `bytes` of answers landed. Of load: `rows` of facts, and
    `changed_rows`, which it wrote."""
    rows: dict[str, int] = field(default_factory=dict)
    """By table: rows that transform staged, or validate and load read."""
    changed: dict[str, int] = field(default_factory=dict)
    """By table: rows that load wrote."""
    held: tuple[date, ...] = ()
    failed: tuple[date, ...] = ()
    broken: dict[str, dict[str, Broken]] = field(default_factory=dict)
    """By table that validate checked: each rule that is broken."""
    error: str = ""
    """The class of the error that ended the step."""


Observer = Callable[[Step], AbstractContextManager[object]]
_observers: ContextVar[tuple[Observer, ...]] = ContextVar("observers", default=())
_running: ContextVar[Step | None] = ContextVar("running", default=None)


@contextmanager
def observed_by(*observers: Observer) -> Iterator[None]:
    """Within it, each step runs inside what each observer makes of it."""
    token = _observers.set(observers)
    try:
        yield
    finally:
        _observers.reset(token)


@contextmanager
def running(step: Step) -> Iterator[Step]:
    """The step runs; what `count` counts is the step's."""
    token = _running.set(step)
    with ExitStack() as stack:
        stack.callback(_running.reset, token)
        for observer in _observers.get():
            stack.enter_context(observer(step))
        try:
            yield step
        except BaseException as error:
            step.error = type(error).__name__
            raise


def count(name: str, number: int = 1) -> None:
    """Add to a count of the step that runs, if one does."""
    if step := _running.get():
        step.counts[name] += number
