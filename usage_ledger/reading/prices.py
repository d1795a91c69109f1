"""Prices of one unit, where rows are added up: a row keeps the one price of its parts, or has none."""

from decimal import Decimal

import pyarrow as pa

from usage_ledger.contracts.registry import contract
from usage_ledger.core import numbers

Fewer = dict[str, int | Decimal | None]
"""By how much a sum of prices (`unit_price USD`) is smaller after rows were added up; None where no price is left."""


def priced(rows: pa.Table, table: str) -> set[str]:
    """The sums of prices, such as `unit_price USD`, that rows have a part in."""
    return {
        f"{price} {currency}"
        for price in contract(table).prices
        for currency in rows["currency"].filter(rows[price].is_valid()).unique().to_pylist()
    }


def fewer_prices(parts: pa.Table, sums: pa.Table, table: str, elsewhere: set[str]) -> Fewer:
    """What rows lose in prices when `parts` become `sums`; `elsewhere` are the sums that other rows have a part in."""
    fewer: dict[str, int | Decimal] = {}
    for rows, times in ((parts, 1), (sums, -1)):
        for price in contract(table).prices:
            for currency, value in zip(rows["currency"].to_pylist(), rows[price].to_pylist(), strict=True):
                if value is not None:
                    key = f"{price} {currency}"
                    fewer[key] = numbers.added(fewer.get(key, 0), value, times)
    left = elsewhere | priced(sums, table)
    return {key: amount if key in left else None for key, amount in fewer.items()}
