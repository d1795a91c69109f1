"""Events that a person must know of: `ops.event`, and the log."""

import logging
from collections.abc import Collection, Mapping
from datetime import date

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.core.errors import one_line, without_request_id
from usage_ledger.warehouse.incoming import Incoming
from usage_ledger.warehouse.sql import statement

log = logging.getLogger(__name__)

STEPS = ("extract", "transform", "validate", "load")
OF_WINDOW = (*(f"{step}_failed" for step in STEPS), "totals_mismatch", "names_missing")
"""Kinds of events about an attempt; a later load of the report that comes through closes them, once no date of the
attempt's window is failed or held any more."""
OF_DATE = ("vanished", "date_failed")
"""Kinds of events about a date that was held or failed; the load that brings the date closes them."""


def add_event(
    cursor: Cursor,
    connection_id: str,
    *,
    kind: str,
    severity: str,
    message: str,
    next_step: str = "",
    report: str | None = None,
    usage_date: date | None = None,
    load_id: str | None = None,
    once: bool = False,
) -> None:
    """Something a person must know; also in the log. `once`: not again in the same words while it is open, whatever the
    id of the request in them."""
    log.log(
        {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}[severity], "%s: %s", kind, message
    )
    values = {
        "connection_id": connection_id,
        "report": report,
        "usage_date": usage_date,
        "kind": kind,
        "severity": severity,
        "message": one_line(message),  # what a provider sent may hold what no text column takes
        "next_step": next_step,
        "load_id": load_id,
    }
    if once:
        cursor.execute(statement("ops/open_messages"), values)
        words = without_request_id(str(values["message"]))
        if any(without_request_id(open_message) == words for (open_message,) in cursor.fetchall()):
            return
    cursor.execute(statement("ops/event"), values)


def close_failures(cursor: Cursor, incoming: Incoming) -> None:
    """Close what was wrong before a load that came through, but for what it reports itself."""
    reported = {note.kind for note in incoming.staged.notes}
    kinds = [kind for kind in OF_WINDOW if kind not in reported]
    cursor.execute(statement("load/close_failures"), incoming.values | {"kinds": kinds})


def close_date_events(
    cursor: Cursor, incoming: Incoming, dates: Collection[date], staged_rows: Mapping[date, int]
) -> None:
    """Close what held or failed the dates that a load brings, and older news that rows had stopped."""
    newest_rows = max((day for day in dates if staged_rows[day]), default=None)
    values = {"of_date": list(OF_DATE), "dates": list(dates), "newest_rows": newest_rows}
    cursor.execute(statement("load/close_date_events"), incoming.values | values)
