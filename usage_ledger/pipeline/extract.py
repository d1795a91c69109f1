"""Extract: ask for one window of one report and land every page before anything reads it."""

import logging
import uuid
from dataclasses import replace
from datetime import datetime

import tzdata
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core import contract_errors, crash, provider_errors
from usage_ledger.core.windows import Window
from usage_ledger.http.client import Client
from usage_ledger.json.scrub import scrub
from usage_ledger.model.provider import Report
from usage_ledger.reading.nested import has_rows
from usage_ledger.sources.account import verify_account
from usage_ledger.sources.source import source_of
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import Landing, Manifest
from usage_ledger.warehouse import loads

log = logging.getLogger(__name__)

SMALL = 64 * 1024
"""Bytes. Only an answer this small may hold no row at all; a larger one is read when it is transformed."""


def extract(
    connection: Connection,
    report: Report,
    window: Window,
    *,
    client: Client,
    engine: Engine,
    root: AnyPath,
    run_id: str,
) -> str:
    """Land one window; returns the load's id.

    Raises the errors of the provider's side, `StorageRefused`, `WarehouseDown`. The attempt stands in `ops.load`
    either way.
    """
    declaration = report.declaration()
    landed = loads.landed_in_run(engine, connection.id, report.name, window, declaration, run_id)
    if landed:
        log.info("%s %s was landed by an earlier try of this run", report.name, window)
        return landed
    load_id = str(uuid.uuid4())
    crash.point("extract")  # before anything is known of the load
    loads.begin(engine, load_id, connection.id, report.name, window, declaration, run_id)
    load = loads.load_by_id(engine, load_id)
    with loads.recorded(engine, load, step="extract", day_zone=connection.days_of(report)):
        crash.point("extract")  # before the first request
        fetched_at, uri = land(connection, report, window, load_id, client=client, root=root)
        crash.point("extract")  # committed in raw storage alone
        loads.landed(engine, load_id, fetched_at, uri)
        crash.point("extract")
    return load_id


def land(
    connection: Connection, report: Report, window: Window, load_id: str, *, client: Client, root: AnyPath
) -> tuple[datetime, str]:
    """Every page and then the manifest; when the first page was asked for, and the manifest's address."""
    landing = Landing.begin(root, connection.provider, connection.id, report.name, window, load_id)
    hidden = () if connection.people == "clear" else report.pseudonyms
    small: list[bytes] | None = []
    fetched_at: datetime | None = None
    for page in source_of(connection, report, client).pages(window):
        fetched_at = fetched_at or page.requested_at
        crash.point("extract")  # an answer that is nowhere yet
        body = scrub(page.body, report.cut, hidden)
        landing.land(replace(page, body=body), client.base_url)
        crash.point("extract")  # a page without its manifest
        if small is not None and page.role == "rows":
            small = [*small, bytes(body)] if len(body) <= SMALL else None
    if fetched_at is None:
        raise provider_errors.IncompleteAnswer("the provider sent no page")
    empty = not report.snapshot and small is not None and not _any_rows(report, small)
    manifest = Manifest(
        load_id=load_id,
        connection_id=connection.id,
        provider=connection.provider,
        account=connection.account,
        report=report.name,
        window_from=window.first,
        window_to=window.end,
        day_zone=connection.day_zone(report).key,
        declaration=report.declaration(),
        fetched_at=fetched_at,
        pages=landing.pages,
        tzdata=tzdata.IANA_VERSION,
        cut=list(report.cut),
        pseudonyms=list(hidden),
        account_listed=verify_account(connection, client) if empty else None,
    )
    return fetched_at, landing.commit(manifest)


def _any_rows(report: Report, pages: list[bytes]) -> bool:
    """Of a page that cannot be read yes: it is landed all the same, for a corrected declaration to read."""
    try:
        return any(has_rows(report, body) for body in pages)
    except contract_errors.ContractBroken:
        return True
