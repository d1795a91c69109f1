"""Extract: ask for one window of one report and land every page before anything reads it."""

import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import tzdata
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core import contract_errors, crash, provider_errors
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.windows import Window
from usage_ledger.http.client import Client
from usage_ledger.http.page import Page
from usage_ledger.model.provider import Report
from usage_ledger.pipeline.people import People
from usage_ledger.pipeline.plan import EARLIEST, require_reach
from usage_ledger.reading.layout import decode
from usage_ledger.reading.whole import Covered, add_buckets, missing_buckets, require_whole, sends_every_day
from usage_ledger.sources.account import prove_account, require_own_rows
from usage_ledger.sources.question import Question, groupings
from usage_ledger.sources.source import is_repeated, source_of
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import Landing, landed_parts
from usage_ledger.storage.manifest import Manifest
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.events import add_event
from usage_ledger.warehouse.loads import dates_in_ledger
from usage_ledger.warehouse.questions import refused_questions, remember_answer, remember_refusal

log = logging.getLogger(__name__)


def extract(
    connection: Connection,
    report: Report,
    window: Window,
    *,
    client: Client,
    engine: Engine,
    root: AnyPath,
    run_id: str,
    now: datetime | None = None,
) -> str:
    """Land one window; returns the load's id.

    Raises `OutOfReach` before anything is asked; the errors of the provider's side, `StorageRefused`, `WarehouseDown`:
    then the attempt stands in `ops.load`, as one that succeeds does.
    """
    now = now or datetime.now(UTC)
    require_reach(connection, report, window, now=now)
    declaration = report.declaration()
    landed = loads.landed_in_run(engine, connection.id, report.name, window, declaration, run_id)
    if landed:
        log.info("%s %s was landed by an earlier try of this run", report.name, window)
        return landed
    load_id = str(uuid.uuid4())
    crash.point("extract")  # before anything is known of the load
    loads.begin(engine, load_id, connection.id, report.name, window, declaration, run_id)
    load = loads.load_by_id(engine, load_id)
    with loads.recorded(engine, load, step="extract", day_zone=connection.days_of(report)) as step:
        step.origin = client.base_url
        crash.point("extract")  # before the first request
        if (why := prove_account(connection, client)) and not client.answers_tell_account:
            _tell_believed(engine, connection, why)
        fetched_at, uri = _land_fullest(
            connection, report, window, load_id, client=client, engine=engine, root=root, now=now
        )
        crash.point("extract")  # committed in raw storage alone
        loads.landed(engine, load_id, fetched_at, uri)
        crash.point("extract")
        log.info("%s %s: load %s is landed at %s", report.name, window, load_id, uri)
    return load_id


def _land_fullest(
    connection: Connection,
    report: Report,
    window: Window,
    load_id: str,
    *,
    client: Client,
    engine: Engine,
    root: AnyPath,
    now: datetime,
) -> tuple[datetime, str]:
    """Land the fullest form that the provider answers; what it refuses is remembered for a week."""
    may_refuse = bool(groupings(report.source)) or report.may_be_absent or bool(report.needs_right)
    refused = refused_questions(engine, connection.id).get(report.name) if may_refuse else None
    question = Question(refused.lesser_form if refused and not refused.due else 0)
    try:
        landed = land(connection, report, window, load_id, client=client, root=root, question=question, now=now)
    except provider_errors.NoPermission as error:
        if not report.needs_right or dates_in_ledger(engine, connection.id, report.name, Window(EARLIEST, window.end)):
            raise
        raise provider_errors.NoReport(error.what, next_step=report.needs_right) from None
    except provider_errors.NoReport as error:
        if dates_in_ledger(engine, connection.id, report.name, Window(EARLIEST, window.end)):
            raise provider_errors.BadRequest(error.what) from None  # it was there before: that is no absence
        raise
    if question.refusal:
        lacks, refusal = question.lacks(report.source), question.refusal
        remember_refusal(engine, connection.id, report.name, question.form, without=lacks, said=refusal)
    elif refused and not question.form:
        remember_answer(engine, connection.id, report.name)
    return landed


def land(
    connection: Connection,
    report: Report,
    window: Window,
    load_id: str,
    *,
    client: Client,
    root: AnyPath,
    question: Question | None = None,
    now: datetime | None = None,
) -> tuple[datetime, str]:
    """Every page and then the manifest; when the first page was asked for, and the manifest's address.

    Raises `NoReport` where the account does not have the report.
    """
    landing = Landing.begin(root, connection.provider, connection.id, report.name, window, load_id)
    people = People(report, clear=connection.people == "clear")
    unproved = prove_account(connection, client)

    source = source_of(connection, report, client, partial(_inspect, connection, report), question, now)
    refusal = _land_pages(source.pages(window), landing, people, client.base_url)
    if not landing.pages:
        raise _reason_of_no_page(report, refusal)
    manifest = Manifest(
        **_labels(connection, report, window, load_id),
        fetched_at=landing.pages[0].requested_at,
        pages=landing.pages,
        cut=list(report.cut),
        pseudonyms=list(people.pseudonyms),
        keep=people.keep,
        dropped=people.dropped,
        addresses=people.addresses,
        account_listed=not unproved or client.answers_tell_account,
        gaps=source.gaps,
        refusal=refusal.what if refusal else "",
    )
    if refusal:
        _require_rest(connection, report, manifest, landing.folder, refusal)
    _log_pages(manifest)
    return manifest.fetched_at, landing.commit(manifest)


def _labels(connection: Connection, report: Report, window: Window, load_id: str) -> dict[str, Any]:
    """What a manifest says of what was asked for."""
    return {
        "load_id": load_id,
        "connection_id": connection.id,
        "provider": connection.provider,
        "account": connection.account,
        "report": report.name,
        "window_from": window.first,
        "window_to": window.end,
        "day_zone": connection.day_zone(report).key,
        "declaration": report.declaration(),
        "tzdata": tzdata.IANA_VERSION,
    }


def _reason_of_no_page(report: Report, refusal: provider_errors.BadRequest | None) -> UsageLedgerError:
    if refusal and refusal.status == provider_errors.ABSENT and report.may_be_absent:
        return provider_errors.NoReport(refusal.what)
    return refusal or provider_errors.IncompleteAnswer("the provider sent no page")


def _inspect(connection: Connection, report: Report, page: Page) -> None:
    """Refuse a page that is another account's, or not whole."""
    require_own_rows(connection, report, page)
    require_whole(report, page)


def _log_pages(manifest: Manifest) -> None:
    rows, size = sum(page.role == "rows" for page in manifest.pages), sum(page.bytes for page in manifest.pages)
    text = f"{len(manifest.pages)} requests answered, {rows} pages of rows, {size} bytes"
    log.info("%s %s: %s", manifest.report, manifest.window, text)


def _land_pages(
    pages: Iterator[Page], landing: Landing, people: People, base_url: str
) -> provider_errors.BadRequest | None:
    """Land each page as it comes; the refusal that ended them, if any.

    Raises what the source raises beside `BadRequest`, and `StorageRefused`.
    """
    try:
        for page in pages:
            crash.point("extract")  # an answer that is nowhere yet
            body = people.scrub(page)
            landing.land(replace(page, body=body), base_url)
            crash.point("extract")  # a page without its manifest
    except provider_errors.BadRequest as error:
        return error
    return None


def _require_rest(
    connection: Connection, report: Report, manifest: Manifest, folder: AnyPath, refusal: provider_errors.BadRequest
) -> None:
    """Raise the refusal of a further page unless the pages before it are all that there is to have.

    So it is where they have a bucket for each date, and of a list, which is read as far as it can be.
    """
    covered: Covered = {}
    zone = connection.day_zone(report)
    rows = [page for page in manifest.pages if page.role == "rows"]
    if not rows or is_repeated(report.source) or not (report.snapshot or sends_every_day(report)):
        raise refusal
    for page, parts in landed_parts(folder, manifest):
        try:
            for body in parts:
                add_buckets(covered, report, decode(report, body)[0], page.labels, zone)
        except contract_errors.ContractBroken:
            parts.verify()  # what is damaged in storage is no answer
            raise refusal from None
    if not report.snapshot and missing_buckets(covered, manifest.window, zone):
        raise refusal


def _tell_believed(engine: Engine, connection: Connection, why: str) -> None:
    message = f"the provider does not tell this key whose it is ({why}); its answers are believed"
    in_transaction(
        engine,
        lambda cursor: add_event(
            cursor, connection.id, kind="account_not_told", severity="info", message=message, once=True
        ),
    )
