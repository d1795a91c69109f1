"""The warehouse from raw storage alone: every landed load again, in the order it was fetched. No network."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core.errors import ConfigError, UsageLedgerError
from usage_ledger.core.storage_errors import RawCorrupt, RawGone
from usage_ledger.core.windows import DAY, Window
from usage_ledger.pipeline.load import load
from usage_ledger.pipeline.run import Ran, each, new_run_id, prepare_warehouse
from usage_ledger.pipeline.transform import transform
from usage_ledger.pipeline.validate import validate
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import landed_folders, load_folder
from usage_ledger.storage.manifest import MANIFEST, Manifest, manifest_of
from usage_ledger.storage.released import release_dates
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.incoming import Outcome
from usage_ledger.warehouse.schema import ensure_schema


def rebuild(
    connection: Connection,
    span: Window | None,
    *,
    engine: Engine,
    root: AnyPath,
    strict: bool = False,
    began: Callable[[int], None] = lambda _steps: None,
    progress: Callable[[str], None] = lambda _step: None,
) -> Ran:
    """Load again what was landed for the dates (all of it, without a span), oldest fetch first.

    The newest load of a date wins, as when it was fetched; restatements come about again. Loads keep their ids.
    Dates whose pages are gone keep their rows; that is a failure, and so is a load that cannot be read, unless newer
    loads brought its dates: then it is a note. `strict` is `validate`'s. Raises `RawGone` when there is nothing.
    """
    prepare_warehouse(connection, engine)
    declared = {report.name for report in connection.declared.reports}
    ran, unread = Ran(), list[Unread]()
    landed = [one for one in _landed(connection, root, ran) if span is None or _meets(one[1].window, span)]
    landed.sort(key=lambda uri_and_manifest: uri_and_manifest[1].fetched_at)
    ran.failures += _gone(connection, span, {manifest.load_id for _, manifest in landed}, engine)
    if not landed and not ran.failures:
        raise RawGone(f"raw storage holds nothing of connection {connection.id} for these dates")
    began(len(landed))
    run_id = new_run_id().replace("command", "rebuild")
    for uri, manifest in landed:
        if manifest.report in declared:
            loads.restore(engine, manifest, uri, run_id)
            loads_before = len(ran.loads)
            failures = _load_again(connection, manifest.load_id, ran, engine=engine, root=root, strict=strict)
            dates = {day for day in manifest.window if span is None or span.first <= day < span.end}
            for _, _, outcome in ran.loads[loads_before:]:
                _bring(outcome, manifest, unread)
                dates &= {*outcome.failed}
            unread += [Unread(manifest.report, dates, error) for error in failures]
        progress(f"{manifest.report} {manifest.window}")
    ran.failures += [one.error for one in unread if one.dates]
    ran.notes += [f"newer loads brought all its dates: {one.error}" for one in unread if not one.dates]
    return ran


@dataclass(slots=True)
class Unread:
    """A landed load that could not be loaded again, and those of its dates that no newer load has brought.

    Of a load that left out failed dates these alone.
    """

    report: str
    dates: set[date]
    error: UsageLedgerError


def _bring(outcome: Outcome, manifest: Manifest, unread: Iterable[Unread]) -> None:
    """Take the dates that a load made what they are off the older loads that could not be read."""
    dates = set(manifest.window) - {*outcome.held, *outcome.superseded, *outcome.failed}
    for one in unread:
        if one.report == manifest.report:
            one.dates -= dates


def release(connection: Connection, day: date, *, engine: Engine, root: AnyPath, strict: bool = False) -> Ran:
    """Accept what came for a held date; `strict` is `validate`'s. Raises `ConfigError` when the date is not held.

    The decision is kept beside the load's pages, so that a rebuild knows it.
    """
    ensure_schema(engine)
    held = loads.held_loads(engine, connection.id, day)
    if not held:
        raise ConfigError(
            f"{day} is not held", connection=connection.id, next_step=f"see `usage-ledger status {connection.id}`"
        )
    ran = Ran()
    for load_id in held:
        attempt = loads.load_by_id(engine, load_id)
        release_dates(load_folder(root, attempt.manifest_uri or ""), [day])
        ran.failures += _load_again(connection, load_id, ran, engine=engine, root=root, strict=strict)
    return ran


def _landed(connection: Connection, root: AnyPath, ran: Ran) -> Iterator[tuple[str, Manifest]]:
    """Every manifest of the connection, with its address; a damaged one is a failure and stops no other."""
    for folder in landed_folders(root, connection.provider, connection.id):
        try:
            yield str(folder / MANIFEST), manifest_of(folder)
        except RawCorrupt as error:
            ran.failures.append(error.about(connection=connection.id))


def _load_again(
    connection: Connection, load_id: str, ran: Ran, *, engine: Engine, root: AnyPath, strict: bool
) -> list[UsageLedgerError]:
    """Transform, validate and load what was landed; the outcome is added to `ran`, the failure is returned."""

    def steps(one: str) -> Outcome:
        transform(connection, one, engine=engine, root=root)
        validate(connection, one, engine=engine, root=root, strict=strict)
        outcome = load(connection, one, engine=engine, root=root)
        attempt = loads.load_by_id(engine, one)
        ran.loads.append((attempt.report, attempt.window, outcome))
        return outcome

    _, failures, _ = each([load_id], steps)
    return failures


def _gone(connection: Connection, span: Window | None, landed_ids: set[str], engine: Engine) -> list[UsageLedgerError]:
    """Dates of the ledger whose loads raw storage no longer holds, as one failure a report."""
    dates: dict[str, list[date]] = {}
    for report, day, load_id in loads.loads_by_date(engine, connection.id):
        if load_id not in landed_ids and (span is None or span.first <= day < span.end):
            dates.setdefault(report, []).append(day)
    return [
        RawGone(
            f"what {len(days)} dates from {min(days)} to {max(days)} were loaded from is no longer in raw storage",
            connection=connection.id,
            report=report,
        )
        for report, days in dates.items()
    ]


def _meets(window: Window, span: Window) -> bool:
    return window.first < span.end and span.first < window.end


def span_of(first: date | None, last: date | None) -> Window | None:
    """The window of two optional dates, both included."""
    return Window(first, last + DAY) if first and last else None
