"""Extract: ask for one window of one report and land every page before anything reads it."""

import logging
import uuid
from collections.abc import Iterator
from datetime import datetime

import msgspec
import tzdata
from sqlalchemy import Engine

from usage_ledger.core import crash, errors
from usage_ledger.core.json_text import plain
from usage_ledger.core.model import Report
from usage_ledger.core.windows import Window, first_instant
from usage_ledger.http.client import Answer, Client, Parameters, fill
from usage_ledger.pipeline.connections import Connection
from usage_ledger.pipeline.flatten import has_rows
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
    small: list[bytes] | None = []
    fetched_at: datetime | None = None
    for answer, labels, rows in _answers(connection, report, window, client):
        fetched_at = fetched_at or answer.asked_at
        crash.point("extract")  # an answer that is nowhere yet
        body = without(bytes(answer.body), report.cut) if report.cut else answer.body
        landing.page(
            body,
            path=answer.path,
            parameters=answer.parameters,
            status=answer.status,
            asked_at=answer.asked_at,
            told_at=answer.told_at,
            labels=labels,
            rows=rows,
        )
        crash.point("extract")  # a page without its manifest
        if small is not None and rows:
            small = [*small, bytes(body)] if len(body) <= SMALL else None
    if fetched_at is None:
        raise errors.IncompleteAnswer("the provider sent no page")
    empty = not report.snapshot and small is not None and not any(has_rows(report, body) for body in small)
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
        account_listed=verify_account(connection, client) if empty else None,
    )
    return fetched_at, landing.commit(manifest)


def verify_account(connection: Connection, client: Client) -> bool:
    """True when the key sees the connection's account; a wrong one may answer 200 with nothing elsewhere.

    Raises `WrongAccount`, naming the accounts that the key does see, and the errors of `Client.ask`.
    """
    seen = [account for _, page in client.listed(connection.declared.accounts) for account in page]
    if connection.account in seen:
        return True
    known = ", ".join(sorted(seen)[:10]) or "none"
    raise errors.WrongAccount(
        f"the key does not see account {connection.account!r}; it sees: {known}", connection=connection.id
    )


def request(connection: Connection, report: Report, window: Window) -> Parameters:
    """The parameters of a window: instants of its first and last local midnight, RFC 3339 in UTC."""
    zone = connection.day_zone(report)
    values = {
        "{start}": _rfc3339(first_instant(window.first, zone)),
        "{end}": _rfc3339(first_instant(window.end, zone)),
        "{zone}": zone.key,
    }
    return tuple(
        (name, values.get(value, value) if isinstance(value, str) else value) for name, value in report.parameters
    )


def without(body: bytes, paths: tuple[str, ...]) -> bytes:
    """The body less the fields at the paths (`items/*/field`); everything else keeps its literal form."""
    body = plain(body) if paths else body
    for path in paths:
        body = _cut(body, path.split("/"))
    return body


def _answers(
    connection: Connection, report: Report, window: Window, client: Client
) -> Iterator[tuple[Answer, dict[str, str], bool]]:
    """Each page, the labels of its request, and whether rows may stand on it."""
    asked = request(connection, report, window)
    account = {"account": connection.account}
    if report.per is None:
        for answer in client.pages(fill(report.path, account), asked, report.paging):
            yield answer, {}, True
        return
    for listed, ids in client.listed(report.per, **account):
        yield listed, {}, False
        for one in ids:
            labels = {report.per.label: one}
            for answer in client.pages(fill(report.path, account | labels), asked, report.paging):
                yield answer, labels, True


def _rfc3339(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _cut(body: bytes, segments: list[str]) -> bytes:
    head, *rest = segments
    if head == "*":
        if not body.lstrip().startswith(b"["):
            return body
        items = [msgspec.Raw(_cut(bytes(item), rest)) for item in msgspec.json.decode(body, type=list[msgspec.Raw])]
        return msgspec.json.encode(items)
    if not body.lstrip().startswith(b"{"):
        return body
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    if head not in fields:
        return body
    if rest:
        fields[head] = msgspec.Raw(_cut(bytes(fields[head]), rest))
    else:
        del fields[head]
    return msgspec.json.encode(fields)
