"""Transform: stage landed pages, and nothing else, as Parquet in the contract's schema; roundings are noted."""

import gc
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core import contract_errors, crash, errors, numbers, storage_errors
from usage_ledger.core.contract_errors import ContractBroken
from usage_ledger.model.provider import Report
from usage_ledger.pipeline.notes import notes_of, notes_of_gaps, nothing_stored
from usage_ledger.pipeline.people import notes_of_landing
from usage_ledger.pipeline.totals import add_evidence, add_totals, differing_totals, evidence_of, mismatch_of
from usage_ledger.reading.facts import Facts
from usage_ledger.reading.gathered import Gathered
from usage_ledger.reading.layout import unknown_content
from usage_ledger.reading.lookup import load_lookups
from usage_ledger.reading.names import NAMES
from usage_ledger.reading.pages import PageDecoder
from usage_ledger.reading.reshape import Labels, reshape
from usage_ledger.reading.rows import gather
from usage_ledger.reading.running_totals import running_totals
from usage_ledger.reading.salvage import failed_dates, salvage
from usage_ledger.reading.things import add_things, things_of_answer
from usage_ledger.reading.whole import Lists, add_buckets, error_of_absence, missing_buckets
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import Parts, landed_parts, load_folder
from usage_ledger.storage.listed_price import ListedPrice
from usage_ledger.storage.manifest import LandedPage, Manifest, manifest_of
from usage_ledger.storage.staged import Failure, Staged, StagedTable, write_note
from usage_ledger.storage.table_writer import write_table
from usage_ledger.warehouse import loads

log = logging.getLogger(__name__)


def transform(connection: Connection, load_id: str, *, engine: Engine, root: AnyPath) -> Staged:
    """Stage a landed load as Parquet. Raises the errors of `ContractBroken`, `RawCorrupt`, `StorageRefused`."""
    load = loads.load_by_id(engine, load_id)
    report = connection.declared.report(load.report)
    with loads.recorded(engine, load, step="transform", day_zone=connection.days_of(report)) as step:
        if not load.manifest_uri:
            raise storage_errors.StorageRefused(
                f"load {load_id} has no landed pages", next_step="run the extract again"
            )
        crash.point("transform")
        folder = load_folder(root, load.manifest_uri)
        staged = stage(connection, report, manifest_of(folder), folder, root)
        step.rows = {name: table.rows for name, table in staged.tables.items()}
        step.failed = tuple(staged.failed)
        crash.point("transform")  # staged, not yet in the load's state
        loads.advance(engine, load_id, "transformed", row_count=sum(table.rows for table in staged.tables.values()))
        crash.point("transform")
        rows = ", ".join(f"{table.rows} rows of {name}" for name, table in staged.tables.items()) or "no rows"
        log.info("%s %s: %s staged", load.report, load.window, rows)
        return staged


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the cycle collector: decoded rows hold no cycles, and each collection would visit all of them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@collector_paused()
def stage(connection: Connection, report: Report, manifest: Manifest, folder: AnyPath, root: AnyPath) -> Staged:
    """Stage Parquet and its note from landed pages alone.

    A date with a row that cannot stand is left out, and the note says why: the pages are then read once more without
    its rows, so that rows, sums and names are those of the other dates. Raises `ConfigError` when the pages hold days
    of another time zone, `Shape` when they hold no row that is declared, and the errors of `ContractBroken` for the
    window as a whole, or when none of its dates can stand.
    """
    zone = connection.day_zone(report).key
    if manifest.day_zone != zone and not report.snapshot:
        raise errors.ConfigError(
            f"load {manifest.load_id} was landed in days of {manifest.day_zone}, but {connection.id} uses {zone}",
            next_step=f"restore timezone: {manifest.day_zone}, or run these dates again",
        )
    failed: dict[date, ContractBroken] = {}
    while len(failed) < manifest.window.days:
        gathered = Gathered(
            facts={name: Facts(name) for name in report.tables},
            lookups=load_lookups(report, manifest, folder),
            failed=dict(failed),
        )
        try:
            _read_pages(connection, report, manifest, folder, gathered)
            if gathered.failed.keys() == failed.keys():
                _fail_dates_without_bucket(connection, report, manifest, gathered)
                if len(gathered.failed) < manifest.window.days:
                    return _staged(report, manifest, folder, root, gathered)
            failed = gathered.failed
        except ContractBroken as error:  # of rows that only all pages together show to be wrong
            if not error.by_date:
                raise
            failed = {**error.by_date, **failed}
        finally:
            for facts in gathered.facts.values():
                facts.close()
    raise contract_errors.error_of_dates(failed, manifest.window.days)


def _staged(report: Report, manifest: Manifest, folder: AnyPath, root: AnyPath, gathered: Gathered) -> Staged:
    """Stage what was read of all pages. Raises as `stage`."""
    if not gathered.read and not report.snapshot:
        _refuse_unknown(report, manifest, folder)
    if not gathered.read and not report.snapshot and not manifest.account_listed:
        raise contract_errors.Shape(
            "the answer holds no row of a declared row set", next_step=contract_errors.ContractBroken.remedy
        )
    differing = differing_totals(report, gathered)
    staged = Staged(
        manifest.load_id,
        dict(_write_facts(gathered, manifest, root)),
        [*notes_of_landing(manifest), *notes_of(report, gathered), *notes_of_gaps(report, manifest)],
        evidence_of(gathered, differing),
        mismatch_of(differing),
        agrees=bool(gathered.totals) and not (gathered.failed or differing),
        open=dict(gathered.unfinished) | (dict.fromkeys(manifest.window, 1) if nothing_stored(manifest) else {}),
        points=gathered.points_by_date,
        running_totals=gathered.running_totals,
        prices=_prices(report, manifest, gathered),
        scope=things_of_answer(report, manifest, gathered.things),
        failed={day: Failure(type(error).__name__, error.what) for day, error in sorted(gathered.failed.items())},
    )
    write_note(root, staged)
    return staged


def _prices(report: Report, manifest: Manifest, gathered: Gathered) -> list[ListedPrice] | None:
    """The list of prices; None where a part of it could not be had, and what is lacking may still be on it."""
    listed = any(row_set.prices for row_set in report.row_sets)
    return gathered.price_list.prices() if listed and not manifest.refusal and not manifest.gaps else None


def _fail_dates_without_bucket(connection: Connection, report: Report, manifest: Manifest, gathered: Gathered) -> None:
    """Of a vendor that sends something for each date, one without was not read; the others are."""
    for day in missing_buckets(gathered.covered, manifest.window, connection.day_zone(report)):
        gathered.failed.setdefault(day, error_of_absence(report, day))


def _refuse_unknown(report: Report, manifest: Manifest, folder: AnyPath) -> None:
    """Refuse an answer whose arrays have undeclared names: only an empty one means no usage. Raises `Shape`."""
    for _, parts in landed_parts(folder, manifest):
        try:
            for body in reshape(report.reshape, parts, optional=report.optional):
                unknown = unknown_content(report, body)
                if unknown:
                    raise contract_errors.Shape(
                        f"the answer holds none of the declared arrays, but {', '.join(unknown[:5])}"
                    )
        except contract_errors.ContractBroken:
            parts.verify()  # it is read once more, and may be damaged now
            raise


def _read_pages(
    connection: Connection, report: Report, manifest: Manifest, folder: AnyPath, gathered: Gathered
) -> None:
    decoder = PageDecoder(report)
    for page, parts in landed_parts(folder, manifest) if report.row_sets or report.running_totals else ():
        try:
            _read_page(connection, report, manifest, page, parts, decoder, gathered)
        except errors.UsageLedgerError:
            parts.verify()  # what is damaged in storage is no fault of the provider
            raise
        crash.point("transform")  # some pages read


def _read_page(
    connection: Connection,
    report: Report,
    manifest: Manifest,
    page: LandedPage,
    parts: Parts,
    decoder: PageDecoder,
    gathered: Gathered,
) -> None:
    if page.server_date is not None and page.server_date.tzinfo:
        gathered.skew = max(gathered.skew, abs(page.server_date - page.requested_at))
    read: dict[str, int] = defaultdict(int)
    lists, labels = Lists(report), Labels()
    for number, body in enumerate(reshape(report.reshape, parts, optional=report.optional, labels=labels)):
        try:
            part = decoder.decode(body)
        except contract_errors.Shape as error:
            salvaged = salvage(report, body, error)
            failed = failed_dates(connection, report, salvaged, manifest, page.labels)
            gathered.failed = failed | gathered.failed
            part = decoder.decode(salvaged.body)
        document = part.document
        gathered.unknown.update(part.unknown)
        gathered.running_totals.update(running_totals(report, part.text))
        lists.add(document)
        add_buckets(gathered.covered, report, document, page.labels, connection.day_zone(report))
        for row_set in report.row_sets:
            rows = part.rows(row_set, page.labels, read[row_set.name])
            if len(rows):
                gather(connection, report, rows, manifest, gathered, page=f"{page.file} {number}")
            read[row_set.name] += len(rows)
        add_totals(report, document, page.labels, gathered)
        add_evidence(report, document, page.labels, gathered)
    add_things(report, page.labels, labels, gathered.things)
    if lists.absent:
        raise contract_errors.MissingList(lists.message)


def _write_facts(gathered: Gathered, manifest: Manifest, root: AnyPath) -> Iterator[tuple[str, StagedTable]]:
    for name, facts in gathered.facts.items():
        crash.point("transform")
        rows = facts.commit(root, manifest.load_id)
        for key, fewer in facts.fewer.items():
            total = gathered.sums[name].pop(key)
            if fewer is not None:
                gathered.sums[name][key] = numbers.added(total, fewer, -1)
        crash.point("transform")  # Parquet without its note
        sums = {
            key: f"{value:f}" if isinstance(value, Decimal) else str(value)
            for key, value in gathered.sums[name].items()
        }
        yield name, StagedTable(rows, facts.row_count, sums)
    if gathered.names.names:
        table = gathered.names.table(manifest)
        write_table(root, manifest.load_id, NAMES, table)
        yield NAMES, StagedTable(table.num_rows, table.num_rows, {})
