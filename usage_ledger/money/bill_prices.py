"""Derives prices from what bills charged, where neither a contract nor the vendor's list says one."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.money.billed_meters import UNITS
from usage_ledger.money.who import who
from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.price_book import Price, record_prices
from usage_ledger.warehouse.sql import statement

RANK = 3
DAYS = 3
"""So many days at one price make it known."""
DAYS_OF_A_CHANGE = 7
"""So many days at another price make it the new one: until then the change is a finding."""
TOLERANCE = Decimal("0.0005")
WITHOUT_A_PRICE = ("tokens",)
"""Meters whose lines have one amount for things of several prices."""


def derive_bill_prices(engine: Engine, connection_id: str | None = None) -> int:
    """Make the price book say what settled bill lines imply; how many of its rows changed."""
    return in_transaction(engine, lambda cursor: derive_within(cursor, connection_id))


def derive_within(cursor: Cursor, connection_id: str | None = None) -> int:
    """The same in the caller's transaction."""
    meters = [meter for meter in UNITS if meter not in WITHOUT_A_PRICE]
    cursor.execute(statement("prices/implied"), {"connection_id": connection_id, "meters": meters})
    runs = cursor.fetchall()
    of_connection: dict[str, list[Price]] = defaultdict(list)
    for key, of_key in groupby(runs, key=lambda row: row[:9]):
        of_connection[key[0]] += _intervals(key, [row[9:] for row in of_key])
    count = 0
    for name, rows in of_connection.items():
        cursor.execute(statement("load/prices_current"), {"rank": RANK, "origin": "bill", "source": _source(name)})
        current = [Price(*row) for row in cursor.fetchall()]
        rows = _with_former(rows, current)
        count += record_prices(cursor, rows, origin="bill", rank=RANK, source=_source(name), who=who())
    return count


def _source(connection_id: str) -> str:
    return f"bill of {connection_id}"


def _intervals(key: tuple[Any, ...], runs: Iterable[tuple[date, int, Decimal]]) -> list[Price]:
    """The intervals of a price, from runs of days at one price, in order."""
    connection_id, provider, model, meter, tier, context_from, region, host, currency = key
    intervals: list[Price] = []
    for first, days, amount in runs:
        last = intervals[-1] if intervals else None
        if days < (DAYS_OF_A_CHANGE if last else DAYS) or (last and _equal(last.amount, amount)):
            continue
        if last:
            intervals[-1] = replace(last, valid_to=first)
        intervals.append(
            Price(
                provider, connection_id, model, model, meter, tier, context_from, region, host, currency, amount,
                Decimal(1), first,
            )
        )  # fmt: skip
    return intervals


def _with_former(rows: list[Price], current: list[Price]) -> list[Price]:
    """The derived rows, in the digits that the book has where a further day changes the last of them, and its rows of
    what no line implies now."""
    keys = {row.key for row in rows}
    by_key: dict[tuple[object, ...], list[Price]] = defaultdict(list)
    for row in current:
        by_key[row.key].append(row)
    steady = []
    for row in rows:
        near = (one for one in by_key[row.key] if one.valid_from == row.valid_from and _equal(one.amount, row.amount))
        former = next(near, None)
        steady.append(replace(row, amount=former.amount) if former else row)
    return [*steady, *(row for row in current if row.key not in keys)]


def _equal(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= TOLERANCE * one
