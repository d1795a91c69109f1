"""Which dates got rows after they were read, where the vendor appends late rows and can name their dates."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core.contract_errors import Shape
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.provider_errors import CONCERNS_EVERY_REPORT
from usage_ledger.core.windows import DAY, Window
from usage_ledger.http.client import Client
from usage_ledger.json.document import document_of
from usage_ledger.model.provider import Report
from usage_ledger.model.source import Touched
from usage_ledger.reading.reshape import reshape
from usage_ledger.reading.whole import require_whole
from usage_ledger.sources.source import source_of
from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.events import add_event
from usage_ledger.warehouse.readings import read_at

log = logging.getLogger(__name__)

CLOCKS = timedelta(hours=1)
"""How much the vendor's clock and ours may differ, and how long a row may take from its instant to be served."""
UNKNOWN = "correct what the message says; until then, run the dates again that the provider's bill corrects"


def touched_dates(
    connection: Connection, report: Report, *, client: Client, engine: Engine, now: datetime
) -> frozenset[date]:
    """The dates in the ledger that got rows after they were read; none where nothing was read yet.

    A question that fails is an event: what it would have named is read by a later run.
    """
    readings = read_at(engine, connection.id, report.name)
    if report.touched is None or not readings:
        return frozenset()
    zone = connection.day_zone(report)
    begin = (max(readings.values()) - report.touched.back).astimezone(zone).date()
    window = Window(begin, max(now.astimezone(zone).date(), begin) + DAY)
    try:
        newest = _newest_rows(connection, report, report.touched, client, window)
    except CONCERNS_EVERY_REPORT:
        return frozenset()  # the first request of a report says so
    except UsageLedgerError as error:
        _tell(connection, report, error, engine)
        return frozenset()
    late = frozenset(day for day, at in newest.items() if day in readings and at > readings[day] - CLOCKS)
    if late:
        log.info("%s: %d dates got rows after they were read", report.name, len(late))
    return late


def _tell(connection: Connection, report: Report, error: UsageLedgerError, engine: Engine) -> None:
    def note(cursor: Cursor) -> None:
        add_event(
            cursor,
            connection.id,
            kind="late_rows_unknown",
            severity="warning",
            message=f"which dates got late rows is not known: {error.what}",
            next_step=error.next_step or UNKNOWN,
            report=report.name,
            once=True,
        )

    in_transaction(engine, note)


def _newest_rows(
    connection: Connection, report: Report, touched: Touched, client: Client, window: Window
) -> dict[date, datetime]:
    """When the last row of each date came, as the answer says. Raises `Shape`, and what a source does."""
    question = replace(report, source=touched.source, account="")
    source = source_of(connection, question, client, partial(require_whole, question))
    newest: dict[date, datetime] = {}
    for page in source.pages(window):
        for body in reshape(report.reshape, iter([bytes(page.body)])):
            for row in _rows(document_of(body, "the answer")):
                day, at = _date_and_instant(row, touched)
                newest[day] = max(newest.get(day, at), at)
    return newest


def _rows(document: Any) -> Iterator[Mapping[str, Any]]:
    rows = document.get("rows") if isinstance(document, dict) else None
    yield from (row for row in rows or () if isinstance(row, dict))


def _date_and_instant(row: Mapping[str, Any], touched: Touched) -> tuple[date, datetime]:
    try:
        at = datetime.fromisoformat(row[touched.at])
        return date.fromisoformat(row[touched.day]), at if at.tzinfo else at.replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError) as error:
        raise Shape(f"a row about late rows has no date and instant: {error}") from None
