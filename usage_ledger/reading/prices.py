"""What is not added where rows are: a row keeps the one price of its parts, or none, and the highest of their peaks."""

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from usage_ledger.contracts.registry import contract
from usage_ledger.core import numbers

WIDE = pa.decimal256(76, 9)
Fewer = dict[str, int | Decimal | None]
"""By how much a sum (`unit_price USD`, or of peaks) is smaller once rows are added up; None where no price is left."""


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


def fewer_peaks(parts: pa.Table, sums: pa.Table, table: str) -> Fewer:
    """What rows lose in peaks when `parts` become `sums`."""
    fewer: Fewer = {}
    for peak in contract(table).peaks:
        before, after = (pc.sum(rows[peak].cast(WIDE)).as_py() for rows in (parts, sums))
        if before is not None:
            fewer[peak] = numbers.added(before, after, -1)
    return fewer
