"""The truth's sums: the expected values per date, breakdown and dimension, computed without the answers' code."""

from collections.abc import Mapping
from datetime import UTC, date, tzinfo
from decimal import Decimal

from usage_ledger.sandbox.kit.slots import DAY_SLOTS, FOREVER, instant_of, midnight, slot_of

Place = tuple[date, str, str]
Totals = dict[Place, dict[str, int | Decimal]]
"""Per (date, breakdown, value of a dimension) the amounts by column of the ledger."""


def slots_of_dates(first: date, end: date, limit: int = FOREVER, zone: tzinfo = UTC) -> dict[date, tuple[int, int]]:
    """The slots `[low, high)` of each local date of `[first, end)`, by computing the date of every slot.

    Slots from `limit` on are not over yet and are left out.
    """
    dates: dict[date, tuple[int, int]] = {}
    for slot in range(slot_of(midnight(first)) - DAY_SLOTS, slot_of(midnight(end)) + DAY_SLOTS):
        day = instant_of(slot).astimezone(zone).date()
        if first <= day < end:
            dates[day] = (dates.get(day, (slot, slot))[0], slot + 1)
    return {day: (min(low, limit), min(high, limit)) for day, (low, high) in dates.items()}


def add_to(totals: Totals, place: Place, amounts: Mapping[str, int | Decimal]) -> None:
    """Add amounts to those of a place; each begins with zero."""
    total = totals.setdefault(place, {})
    for column, amount in amounts.items():
        total[column] = total.get(column, 0) + amount
