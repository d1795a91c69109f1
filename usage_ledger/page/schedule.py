"""What Airflow knows of a connection's Dag, as the page shows it; `usage_ledger/airflow/page/dags.py` reads it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a Dag. `kind` is scheduled, manual, backfill, …; `at` is from when it could begin."""

    run_id: str
    state: str
    kind: str
    at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A task of a run, in its newest try. `note` says what it waits for; '' where it does not wait."""

    task_id: str
    state: str
    tries: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A Dag. `next_at` is None while it is paused or has no next run; `waits` are notes of steps that wait now."""

    paused: bool = False
    next_at: datetime | None = None
    runs: tuple[Run, ...] = ()
    waits: tuple[str, ...] = ()

    @property
    def running(self) -> tuple[Run, ...]:
        return tuple(run for run in self.runs if run.state in ("running", "queued"))

    def next_attempt(self, report: str) -> datetime | str | None:
        """When a report is asked for next: the next run, or what a run that goes on says of it."""
        for wait in self.waits:
            for part in wait.split("; "):
                if part.startswith(f"{report} waits "):
                    return part.removeprefix(f"{report} ")
        return self.next_at
