"""Extract: ask for one window of one report and land every page before anything reads it."""

import logging
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import tzdata
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core import crash, errors
from usage_ledger.core.windows import Window, first_instant
from usage_ledger.http.client import Answer, Client, fill, items_of, labelled
from usage_ledger.http.paging import Parameters
from usage_ledger.json.scrub import scrub
from usage_ledger.model.declaration import Report
from usage_ledger.reading.nested import has_rows
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
    for asked in _answers(connection, report, window, client):
        answer = asked.answer
        fetched_at = fetched_at or answer.asked_at
        crash.point("extract")  # an answer that is nowhere yet
        body = scrub(answer.body, report.cut, hidden)
        landing.page(
            body,
            path=answer.path,
            parameters=answer.parameters,
            status=answer.status,
            asked_at=answer.asked_at,
            told_at=answer.told_at,
            labels=asked.labels,
            rows=asked.rows,
            beside=asked.beside,
        )
        crash.point("extract")  # a page without its manifest
        if small is not None and asked.rows:
            small = [*small, bytes(body)] if len(body) <= SMALL else None
    if fetched_at is None:
        raise errors.IncompleteAnswer("the provider sent no page")
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
    except errors.ContractBroken:
        return True


def verify_account(connection: Connection, client: Client) -> bool:
    """True when the key is of the right kind and sees the account; a wrong one may answer 200 with nothing elsewhere.

    Of an account whose id the provider does not tell, only the key is verified. Raises `WrongAccount`, naming the
    accounts that the key does see, `BadKey`, and the errors of `Client.ask`.
    """
    provider = connection.declared
    seen = []
    for answer, things in client.listed(provider.accounts):
        seen += [labels[provider.accounts.label] for labels in things]
        flags = [item.get(flag) for item in items_of(answer, provider.accounts) for flag in provider.key_flags]
        if flags and True not in flags:
            raise errors.BadKey(
                "the key is valid, but of another kind", connection=connection.id, next_step=f"use {provider.key_help}"
            )
        if not provider.accounts.id:
            return True
    if connection.account in seen:
        return True
    known = ", ".join(sorted(seen)[:10]) or "none"
    raise errors.WrongAccount(
        f"the key does not see account {connection.account!r}; it sees: {known}", connection=connection.id
    )


def request(
    connection: Connection, report: Report, window: Window, labels: Mapping[str, str] | None = None
) -> Parameters:
    """The parameters of a window, its ends the first instants of local dates, and of what a report is asked `per`."""
    zone = connection.day_zone(report)
    start, end = first_instant(window.first, zone), first_instant(window.end, zone)
    values = {
        "start": _rfc3339(start),
        "end": _rfc3339(end),
        "start_epoch": str(int(start.timestamp())),
        "end_epoch": str(int(end.timestamp())),
        "date": str(window.first),
        "zone": zone.key,
        **(labels or {}),
    }
    return tuple(
        (name, labelled(value, values) if isinstance(value, str) else value) for name, value in report.parameters
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer, the labels of its request, and what stands on it: rows, a list beside them, or what to ask next."""

    answer: Answer
    labels: dict[str, str]
    rows: bool = True
    beside: bool = False


def _answers(connection: Connection, report: Report, window: Window, client: Client) -> Iterator[Asked]:
    account = {"account": connection.account}
    if report.beside:
        for answer, _ in client.listed(report.beside):
            yield Asked(answer, {}, rows=False, beside=True)
    if report.per is None:
        asked = request(connection, report, window)
        for answer in client.pages(fill(report.path, account), asked, report.paging):
            yield Asked(answer, {})
        return
    for listed, things in client.listed(report.per):
        yield Asked(listed, {}, rows=False)
        for labels in things:
            asked = request(connection, report, window, labels)
            for answer in client.pages(fill(report.path, account | labels), asked, report.paging):
                yield Asked(answer, labels)


def _rfc3339(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
