"""The four steps in order, in one process: what `usage-ledger run` does, and each Airflow task a part of."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Engine

from usage_ledger.core.errors import AccessDenied, BadKey, UsageLedgerError
from usage_ledger.core.model import Report
from usage_ledger.core.windows import DAY, Window
from usage_ledger.http.client import Client
from usage_ledger.pipeline.connections import Connection
from usage_ledger.pipeline.extract import extract
from usage_ledger.pipeline.plan import EARLIEST, Dates, windows
from usage_ledger.storage.files import AnyPath
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.ledger import Outcome

log = logging.getLogger(__name__)


@dataclass
class Extracted:
    """The loads that were landed, and what went wrong with the others."""

    load_ids: list[str] = field(default_factory=list)
    failures: list[UsageLedgerError] = field(default_factory=list)


def planned(connection: Connection, dates: Dates, *, engine: Engine, now: datetime) -> list[tuple[Report, Window]]:
    """Every request a run makes: the windows of each report, and each snapshot once."""
    found: list[tuple[Report, Window]] = []
    for report in connection.chosen_reports:
        if report.snapshot:
            today = now.astimezone(connection.zone).date()
            found.append((report, Window(today, today + DAY)))
            continue
        span = Window(connection.start_date or EARLIEST, dates.last + DAY)
        known = loads.known_dates(engine, connection.id, report.name, span) if dates.heal else set()
        found += [(report, window) for window in windows(dates, connection, report, known, now=now)]
    return found


def extract_all(
    connection: Connection,
    asked: Iterable[tuple[Report, Window]],
    *,
    client: Client,
    engine: Engine,
    root: AnyPath,
    run_id: str,
    progress: Callable[[Report, Window], None] = lambda _report, _window: None,
) -> Extracted:
    """Land every window that can be; one report's failure does not stop the others, a bad key stops all.

    A snapshot that the key may not read is an event, not a failure: names are a convenience, figures are not.
    """
    done = Extracted()
    stopped: set[str] = set()
    for report, window in asked:
        if report.name in stopped:
            continue
        try:
            done.load_ids.append(
                extract(connection, report, window, client=client, engine=engine, root=root, run_id=run_id)
            )
        except UsageLedgerError as error:
            if isinstance(error, AccessDenied):
                stopped.add(report.name)  # the next window would be refused as well
            if report.snapshot and isinstance(error, AccessDenied) and not isinstance(error, BadKey):
                log.warning("%s", error)
                continue
            done.failures.append(error)
            log.error("%s", error)
            if isinstance(error, BadKey):
                break
        finally:
            progress(report, window)
    return done


def each(
    load_ids: Iterable[str], step: Callable[[str], Outcome | object]
) -> tuple[list[str], list[UsageLedgerError], list[Outcome]]:
    """Run a step for every load; which succeeded, what went wrong, what it returned."""
    passed: list[str] = []
    failures: list[UsageLedgerError] = []
    outcomes: list[Outcome] = []
    for load_id in load_ids:
        try:
            result = step(load_id)
        except UsageLedgerError as error:
            failures.append(error)
            log.error("%s", error)
        else:
            passed.append(load_id)
            if isinstance(result, Outcome):
                outcomes.append(result)
    return passed, failures, outcomes


def new_run_id() -> str:
    """The id of a run outside of Airflow."""
    return f"command__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"


def note_event(engine: Engine, connection: Connection, kind: str, message: str, next_step: str = "") -> None:
    """Something of a connection as a whole that a person must know."""
    in_transaction(
        engine,
        lambda cursor: loads.add_event(
            cursor, connection.id, kind=kind, severity="warning", message=message, next_step=next_step
        ),
    )
