"""The four steps in order, in one process: what `usage-ledger run` does, and each Airflow task a part of."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.provider_errors import CONCERNS_EVERY_REPORT, AccessDenied
from usage_ledger.core.windows import DAY, Window
from usage_ledger.http.client import Client
from usage_ledger.model.provider import Report
from usage_ledger.pipeline.extract import extract
from usage_ledger.pipeline.key_use import remember_key
from usage_ledger.pipeline.leftovers import retract_foreign, sweep_report
from usage_ledger.pipeline.plan import EARLIEST, Dates, windows
from usage_ledger.pipeline.touched import touched_dates
from usage_ledger.storage.files import AnyPath
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.failures import failed_dates
from usage_ledger.warehouse.incoming import Outcome
from usage_ledger.warehouse.questions import absent_reports
from usage_ledger.warehouse.registration import register
from usage_ledger.warehouse.schema import ensure_schema

log = logging.getLogger(__name__)
Tell = Callable[[str], None]


@dataclass
class Extracted:
    """The loads that were landed, and what went wrong with the others."""

    load_ids: list[str] = field(default_factory=list)
    failures: list[UsageLedgerError] = field(default_factory=list)
    missing: list[tuple[Report, Window, UsageLedgerError]] = field(default_factory=list)
    """Of each failure, the window that was not landed."""

    @property
    def stopped(self) -> UsageLedgerError | None:
        """The failure that concerns every report, and ended the run."""
        return next((error for error in self.failures if isinstance(error, CONCERNS_EVERY_REPORT)), None)


def planned(
    connection: Connection,
    dates: Dates,
    *,
    engine: Engine,
    now: datetime,
    backfill: bool = False,
    client: Client | None = None,
) -> list[tuple[Report, Window]]:
    """Every request a run makes: the windows of each report, and each snapshot once.

    Of the runs of a `backfill` only those take a snapshot that find none of today: each would be the same. With a
    `client`, a scheduled run asks first which dates got late rows, of the reports whose vendor can say so.
    """
    requests: list[tuple[Report, Window]] = []
    absent = absent_reports(engine, connection.id)
    for report in connection.chosen_reports:
        if report.name in absent:
            continue
        if report.snapshot:
            today = now.astimezone(connection.day_zone(report)).date()
            window = Window(today, today + DAY)
            if not (backfill and loads.is_loaded(engine, connection.id, report.name, window)):
                requests.append((report, window))
            continue
        first = (connection.start_date or EARLIEST) if dates.heal else dates.first
        span = Window(first, dates.last + DAY)
        of_report = (engine, connection.id, report.name, span)
        recorded = loads.dates_in_ledger(*of_report) if dates.heal else {}
        failed = failed_dates(*of_report, contradicted=dates.heal)
        late: frozenset[date] = frozenset()
        if dates.heal and client and report.touched:
            late = touched_dates(connection, report, client=client, engine=engine, now=now)
        chosen = windows(dates, connection, report, recorded, now=now, failed=failed, touched=late)
        requests += [(report, one) for one in chosen]
    return requests


def extract_all(
    connection: Connection,
    requests: Iterable[tuple[Report, Window]],
    *,
    client: Client,
    engine: Engine,
    root: AnyPath,
    run_id: str,
    sweeping: bool = True,
    now: datetime | None = None,
    progress: Callable[[Report, Window], None] = lambda _report, _window: None,
) -> Extracted:
    """Land every window that can be; one report's failure does not stop the others, a bad key stops all.

    A key of another account stops all too, and nothing that it landed goes on, neither now nor in a rebuild. A list
    that cannot be had is no failure. What earlier runs left half landed is swept, report by report; that looks at all
    that a report has in raw storage, so that many runs at a time had better leave it to another one.
    """
    done, refused, landed = Extracted(), set[str](), dict[str, Report]()
    for report, window in requests:
        if report.name in refused:
            continue  # the next window would be refused as well
        try:
            done.load_ids.append(
                extract(connection, report, window, client=client, engine=engine, root=root, run_id=run_id, now=now)
            )
            landed[report.name] = report
        except UsageLedgerError as error:
            if isinstance(error, AccessDenied):
                refused.add(report.name)
            _note_failure(done, report, window, error)
            if isinstance(error, CONCERNS_EVERY_REPORT):
                break
        finally:
            progress(report, window)
    retract_foreign(done.load_ids, done.stopped, engine=engine, root=root)
    remember_key(connection.id, client, engine, answered=bool(landed) and not done.stopped)
    for name in sorted(landed) if sweeping else ():
        sweep_report(connection, landed[name], engine=engine, root=root)
    return done


def _note_failure(done: Extracted, report: Report, window: Window, error: UsageLedgerError) -> None:
    if error.harmless:
        log.warning("%s", error)
        return
    done.failures.append(error)
    done.missing.append((report, window, error))
    log.error("%s", error)


def each(
    load_ids: Iterable[str], step: Callable[[str], Outcome | object]
) -> tuple[list[str], list[UsageLedgerError], list[Outcome]]:
    """Run a step for every load; which succeeded, also where dates failed, what went wrong, what it returned.

    A list of names that cannot be had is neither.
    """
    passed: list[str] = []
    failures: list[UsageLedgerError] = []
    outcomes: list[Outcome] = []
    for load_id in load_ids:
        try:
            result = step(load_id)
        except UsageLedgerError as error:
            if error.harmless:
                log.warning("%s", error)
                continue
            failures.append(error)
            log.error("%s", error)
        else:
            passed.append(load_id)
            if isinstance(result, Outcome):
                outcomes.append(result)
                if result.error:
                    failures.append(result.error)
                    log.error("%s", result.error)
    return passed, failures, outcomes


def new_run_id() -> str:
    """The id of a run outside of Airflow."""
    return f"command__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"


@dataclass
class Ran:
    """What a whole run did: the outcome of each load, every failure, and notes."""

    loads: list[tuple[str, Window, Outcome]] = field(default_factory=list)
    failures: list[UsageLedgerError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a person may want to know though nothing is missing."""

    @property
    def held(self) -> bool:
        return any(outcome.held for _, _, outcome in self.loads)


def prepare_warehouse(connection: Connection, engine: Engine) -> None:
    """Bring the schema up to date, and make the connection and its reports of now known.

    Raises `ConfigError` where the warehouse knows the id or the account otherwise, `WarehouseDown`, `WarehouseRefused`.
    """
    ensure_schema(engine)
    absent = absent_reports(engine, connection.id)
    reports = {one.name: connection.lookback(one) for one in connection.chosen_reports if one.name not in absent}
    register(engine, connection.id, connection.provider, connection.account, connection.timezone, reports)


def run_all(
    connection: Connection,
    dates: Dates,
    *,
    client: Client,
    engine: Engine,
    root: AnyPath,
    now: datetime,
    strict: bool = False,
    began: Callable[[int], None] = lambda _steps: None,
    progress: Tell = lambda _step: None,
) -> Ran:
    """All four steps, one process, no scheduler. `began` gets the number of steps; `strict` is `validate`'s."""
    prepare_warehouse(connection, engine)
    requests = planned(connection, dates, engine=engine, now=now, client=client)
    began(4 * len(requests))
    done = extract_all(
        connection,
        requests,
        client=client,
        engine=engine,
        root=root,
        run_id=new_run_id(),
        now=now,
        progress=lambda report, window: progress(f"{report.name} {window}"),
    )
    ran = Ran(failures=list(done.failures))

    def steps(load_id: str) -> Outcome:
        outcome = _bring_in(connection, load_id, engine=engine, root=root, strict=strict, progress=progress)
        attempt = loads.load_by_id(engine, load_id)
        ran.loads.append((attempt.report, attempt.window, outcome))
        return outcome

    _, failures, _ = each(done.load_ids, steps)
    ran.failures += failures
    return ran


def _bring_in(
    connection: Connection, load_id: str, *, engine: Engine, root: AnyPath, strict: bool, progress: Tell
) -> Outcome:
    """The steps of a landed load. Imported here: a task that only extracts does not pay for them."""
    from usage_ledger.pipeline.load import load
    from usage_ledger.pipeline.transform import transform
    from usage_ledger.pipeline.validate import validate

    transform(connection, load_id, engine=engine, root=root)
    progress("transformed")
    validate(connection, load_id, engine=engine, root=root, strict=strict)
    progress("validated")
    outcome = load(connection, load_id, engine=engine, root=root)
    progress("loaded")
    return outcome
