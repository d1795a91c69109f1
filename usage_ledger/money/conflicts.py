"""Tells of prices about which two sources differ, once each."""

import json
from decimal import Decimal
from itertools import groupby
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.core.errors import one_line
from usage_ledger.warehouse.events import add_event
from usage_ledger.warehouse.sql import statement

KIND = "price_conflict"
MILLION = Decimal(1000000)
SHOWN = 3


def record_conflicts(cursor: Cursor) -> int:
    """An event for each connection, model and pair of sources that differ, once, and closed with its end; how many
    there are."""
    cursor.execute(statement("prices/uses_in_conflict"))
    events = []
    for (connection_id, model, *sources), rows in groupby(cursor.fetchall(), key=lambda row: row[:4]):
        events.append((connection_id, one_line(_message(model, sources, [row[4:] for row in rows]))))
    current = [{"connection_id": connection_id, "message": message} for connection_id, message in events]
    cursor.execute(statement("prices/close_conflicts"), {"current": json.dumps(current)})
    for connection_id, message in events:
        add_event(
            cursor,
            connection_id,
            kind=KIND,
            severity="warning",
            message=message,
            next_step="write what you pay in include/prices, which counts before both",
            once=True,
        )
    return len(events)


def _message(model: str, sources: list[str], rows: list[tuple[Any, ...]]) -> str:
    one, other = sources
    parts = [_difference(*row) for row in rows[:SHOWN]]
    more = f", and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f"{one} and {other} differ on the price of {model or 'what has no model'}: {'; '.join(parts)}{more}"


def _difference(meter: str, tier: str, context_from: int, currency: str, price: Decimal, other_price: Decimal) -> str:
    size, unit = (MILLION, "a million") if meter.endswith(("tokens", "characters")) else (Decimal(1), "one")
    kind = " ".join(
        filter(None, (meter, "" if tier == "standard" else tier, f"over {context_from}" * bool(context_from)))
    )
    return f"{kind} {_plain(price * size)} and {_plain(other_price * size)} {currency} for {unit}"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
