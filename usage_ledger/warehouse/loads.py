"""The record of loads and days: schema `ops`."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.contracts.odcs import Contract
from usage_ledger.core.contract_errors import ContractBroken
from usage_ledger.core.error_classes import is_harmless
from usage_ledger.core.errors import ConfigError, OutOfMemory, PersonMustAct, UsageLedgerError
from usage_ledger.core.provider_errors import NoReport
from usage_ledger.core.steps import Step, running
from usage_ledger.core.windows import Window
from usage_ledger.storage.manifest import Manifest
from usage_ledger.warehouse.engine import in_transaction, transaction
from usage_ledger.warehouse.events import add_event
from usage_ledger.warehouse.failures import Attempt, evidence_of, record_failed_dates
from usage_ledger.warehouse.questions import remember_absence
from usage_ledger.warehouse.sql import statement

log = logging.getLogger(__name__)

WITHOUT_NAMES = "no figure is missing; let the key read the list, or name in the YAML's `reports` the lists to read"


@dataclass(frozen=True, slots=True)
class Load:
    """One row of `ops.load`."""

    load_id: str
    connection_id: str
    report: str
    window_from: date
    window_to: date
    state: str
    fetched_at: datetime | None
    manifest_uri: str | None
    row_count: int | None
    sums: dict[str, Any] | None
    declaration: str
    error_class: str | None
    error_message: str | None

    @property
    def window(self) -> Window:
        return Window(self.window_from, self.window_to)


def load_by_id(engine: Engine, load_id: str) -> Load:
    """A load. Raises `ConfigError` when there is none."""
    with transaction(engine) as cursor:
        cursor.execute(statement("ops/load_by_id"), {"load_id": load_id})
        row = cursor.fetchone()
    if row is None:
        raise ConfigError(f"there is no load {load_id}", next_step="run the extract again")
    return Load(*row)


def begin(
    engine: Engine, load_id: str, connection_id: str, report: str, window: Window, declaration: str, run_id: str
) -> None:
    """Record an attempt before anything is asked."""
    values = _window_values(connection_id, report, window) | {
        "load_id": load_id,
        "declaration": declaration,
        "run_id": run_id,
    }
    execute(engine, "ops/begin_load", values)


def landed(engine: Engine, load_id: str, fetched_at: datetime, manifest_uri: str) -> None:
    """Record that a load's pages are all in raw storage."""
    execute(engine, "ops/landed", {"load_id": load_id, "fetched_at": fetched_at, "manifest_uri": manifest_uri})


def restore(engine: Engine, manifest: Manifest, manifest_uri: str, run_id: str) -> None:
    """Make a load known again from its manifest."""
    values = _window_values(manifest.connection_id, manifest.report, manifest.window) | {
        "load_id": manifest.load_id,
        "fetched_at": manifest.fetched_at,
        "manifest_uri": manifest_uri,
        "declaration": manifest.declaration,
        "run_id": run_id,
    }
    execute(engine, "ops/restore_load", values)


def held_loads(engine: Engine, connection_id: str, day: date) -> list[str]:
    """The loads that a date is held for, one a report."""
    rows = query(engine, "ops/held_loads", {"connection_id": connection_id, "usage_date": day})
    return [load_id for (load_id,) in rows]


def loads_by_date(engine: Engine, connection_id: str) -> list[tuple[str, date, str]]:
    """Report, date and load id of every date that a load made what it is."""
    rows = query(engine, "ops/loads_by_date", {"connection_id": connection_id})
    return [(report, day, load_id) for report, day, load_id in rows]


def advance(engine: Engine, load_id: str, state: str, *, row_count: int | None = None) -> None:
    """Record that a step is done."""
    execute(engine, "ops/advance", {"load_id": load_id, "state": state, "row_count": row_count, "sums": None})


@contextmanager
def recorded(engine: Engine, load: Load, *, step: str, day_zone: str | None) -> Iterator[Step]:
    """Run a step of a load; its failure is recorded in `ops.load`, `ops.day` and `ops.event`, then raised.

    `day_zone` is None for a snapshot, which has no days. The step is what observers are shown.
    """
    try:
        with running(Step(step, load.connection_id, load.report, load.window, load.load_id)) as observed:
            yield observed
    except MemoryError as error:
        out_of_memory = OutOfMemory(f"{step} got no more memory")
        _try_to_record(engine, load, out_of_memory, step=step, day_zone=day_zone)
        raise out_of_memory from error
    except UsageLedgerError as error:
        _try_to_record(engine, load, error, step=step, day_zone=day_zone)
        raise


def _try_to_record(engine: Engine, load: Load, error: UsageLedgerError, *, step: str, day_zone: str | None) -> None:
    error.about(connection=load.connection_id, report=load.report, window=str(load.window))
    error.harmless = is_harmless(error, snapshot=day_zone is None)
    try:
        record_failure(engine, load, error, step=step, day_zone=day_zone)
    except UsageLedgerError as second:
        log.warning("the failure could not be recorded: %s", second)


def record_failure(engine: Engine, load: Load, error: UsageLedgerError, *, step: str, day_zone: str | None) -> None:
    """What failed, for the people who ask the warehouse. Loaded days keep their state and rows.

    A list of names that could not be had is a warning, told once: its report and its connection do not fail by it.
    """
    final = isinstance(error, PersonMustAct)
    kind = type(error).__name__
    values = _window_values(load.connection_id, load.report, load.window) | {
        "load_id": load.load_id,
        "error_class": kind,
        "error_message": str(error),
        "evidence": evidence_of(error, load.load_id, whole_answer=isinstance(error, ContractBroken)),
    }
    by_date = error.by_date if isinstance(error, ContractBroken) else {}

    def work(cursor: Cursor) -> None:
        cursor.execute(statement("ops/fail"), values | {"final": final})
        if error.harmless:
            _tell_harmless(cursor, load, error)
            return
        cursor.execute(statement("ops/fail_report"), values)
        if day_zone is not None and by_date:
            attempt = Attempt(load.connection_id, load.report, load.load_id, day_zone, load.fetched_at)
            record_failed_dates(cursor, attempt, by_date, next_step=error.next_step, step=step)
            return
        if day_zone is not None:
            cursor.execute(statement("ops/fail_days"), values | {"day_zone": day_zone})
        add_event(
            cursor,
            load.connection_id,
            kind=f"{step}_failed",
            severity="error" if final else "warning",
            message=f"{kind}: {error.what}",
            next_step=error.next_step,
            report=load.report,
            load_id=load.load_id,
        )

    in_transaction(engine, work)


def _tell_harmless(cursor: Cursor, load: Load, error: UsageLedgerError) -> None:
    if isinstance(error, NoReport):
        right = "" if error.next_step == NoReport.remedy else error.next_step
        remember_absence(cursor, load.connection_id, load.report, said=error.what, right=right)
        return
    add_event(
        cursor,
        load.connection_id,
        kind="names_missing",
        severity="warning",
        message=f"the list cannot be read: {error.what}",
        next_step=WITHOUT_NAMES,
        report=load.report,
        load_id=load.load_id,
        once=True,
    )


def fail(engine: Engine, load: Load, error: UsageLedgerError) -> None:
    """Record of a load alone that it failed for good: neither its dates nor its report fail by it."""
    values = {"load_id": load.load_id, "error_class": type(error).__name__, "error_message": str(error), "final": True}
    execute(engine, "ops/fail", values)


def landed_in_run(
    engine: Engine, connection_id: str, report: str, window: Window, declaration: str, run_id: str
) -> str | None:
    """The load that this run has landed of a window and that no step has taken up."""
    values = _window_values(connection_id, report, window) | {"declaration": declaration, "run_id": run_id}
    rows = query(engine, "ops/landed_in_run", values)
    return rows[0][0] if rows else None


def loads_of_run(
    engine: Engine, connection_id: str, run_id: str, *, since: int, load_ids: Sequence[str] = ()
) -> list[Load]:
    """The attempts of a run that began at `since` (Unix seconds) or later, and those of `load_ids`; newest last."""
    values = {"connection_id": connection_id, "run_id": run_id, "since": since, "load_ids": list(load_ids)}
    return [Load(*row) for row in query(engine, "ops/loads_of_run", values)]


def is_loaded(engine: Engine, connection_id: str, report: str, window: Window) -> bool:
    """Whether any load of exactly this window is in the ledger."""
    [(loaded,)] = query(engine, "ops/is_loaded", _window_values(connection_id, report, window))
    return bool(loaded)


def dates_in_ledger(engine: Engine, connection_id: str, report: str, window: Window) -> dict[date, bool]:
    """The dates of a window that are loaded, empty or held, and whether each is unsettled."""
    return dict(query(engine, "ops/dates_in_ledger", _window_values(connection_id, report, window)))


def query(engine: Engine, name: str, values: dict[str, Any], table: Contract | None = None) -> list[tuple[Any, ...]]:
    """The rows of a statement, or of one about a table."""
    with transaction(engine) as cursor:
        cursor.execute(statement(name, table), values)
        return list(cursor.fetchall())


def execute(engine: Engine, name: str, values: dict[str, Any]) -> None:
    """Run a statement in its own transaction."""
    encoded = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in values.items()}
    in_transaction(engine, lambda cursor: cursor.execute(statement(name), encoded))


def _window_values(connection_id: str, report: str, window: Window) -> dict[str, Any]:
    return {"connection_id": connection_id, "report": report, "first": window.first, "end": window.end}
