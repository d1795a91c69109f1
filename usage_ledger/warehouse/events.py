"""Events that a person must know of: `ops.event`, and the log."""

import logging
from datetime import date

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.core.errors import one_line
from usage_ledger.warehouse.sql import statement

log = logging.getLogger(__name__)


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
    """Something a person must know; also in the log. `once`: not again in the same words."""
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
    cursor.execute(statement("ops/event_once" if once else "ops/event"), values)
