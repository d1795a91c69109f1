"""What the ledger holds, in the form of a stand-in's truth."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from usage_ledger.contracts.registry import contract

Sums = dict[tuple[date, str, str], dict[str, int | Decimal]]
Query = Callable[..., list[tuple[Any, ...]]]


def ledger_sums(query: Query, connection_id: str, report: str, by: str = "") -> Sums:
    """The sums of all meters of a report, by date, breakdown and a dimension's value."""
    sums_of: Sums = {}
    for table, meters in (("usage_daily", contract("usage_daily").names("meter")), ("cost_daily", ("amount",))):
        if by and by not in contract(table).names("dimension"):
            continue
        sums = ", ".join(f"sum({meter})" for meter in meters)
        rows = query(
            f"SELECT usage_date, breakdown, {by or chr(39) * 2}, {sums} FROM ledger.{table}"
            " WHERE connection_id = %s AND report = %s GROUP BY 1, 2, 3",
            connection_id,
            report,
        )
        for day, breakdown, value, *totals in rows:
            metered = {meter: total for meter, total in zip(meters, totals, strict=True) if total}
            if metered:
                sums_of.setdefault((day, breakdown, value), {}).update(metered)
    return sums_of


def without_zeros(truth: dict[Any, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    metered = {key: {name: value for name, value in meters.items() if value} for key, meters in truth.items()}
    return {key: meters for key, meters in metered.items() if meters}
