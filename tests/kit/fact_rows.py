"""Rows of the facts, written by hand: what is not said is '', null, or the same in every row."""

import itertools
import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Engine

from usage_ledger.contracts.registry import contract
from usage_ledger.warehouse.engine import transaction

DAY = date(2026, 11, 9)
_numbers = itertools.count(1)


def add_row(engine: Engine, table: str, **values: Any) -> str:
    """Write a row, with its date settled; its `row_key`."""
    day = values.get("usage_date", DAY)
    start = datetime.combine(day, time(), UTC)
    row_key = str(uuid.UUID(int=next(_numbers)))
    row = {
        "connection_id": "acme", "report": "usage" if table == "usage_daily" else "cost", "usage_date": day,
        "row_key": row_key, "provider": "fireworks", "account_id": "acme", "breakdown": "", "basis": "metered",
        "bucket_start": start, "bucket_end": start + timedelta(days=1), "load_id": str(uuid.UUID(int=1)),
    }  # fmt: skip
    row |= dict.fromkeys(contract(table).names("dimension"), "") | values
    columns, marks = ", ".join(row), ", ".join(["%s"] * len(row))
    with transaction(engine) as cursor:
        cursor.execute("SELECT ops.ensure_month(%s, %s)", (table, day))
        cursor.execute(f"INSERT INTO ledger.{table} ({columns}) VALUES ({marks})", list(row.values()))
        cursor.execute(
            "INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state, settled)"
            " VALUES (%s, %s, %s, 'UTC', 'loaded', true) ON CONFLICT DO NOTHING",
            (row["connection_id"], row["report"], day),
        )
    return row_key


def add_use(engine: Engine, **values: Any) -> str:
    """A row of what was metered."""
    return add_row(engine, "usage_daily", **({"usage_type": "serverless", "model": "glm"} | values))


def add_line(engine: Engine, amount: object, **values: Any) -> str:
    """A line of the bill, of output tokens where nothing else is said."""
    same = {"charge_category": "Usage", "model": "glm", "meter": "output_tokens", "currency": "USD", "basis": "rated"}
    return add_row(engine, "cost_daily", **(same | {"amount": amount} | values))
