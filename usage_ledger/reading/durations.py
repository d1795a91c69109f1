"""Durations: as sent, or the time between two instants."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

from usage_ledger.core.numbers import ZERO
from usage_ledger.model.rows import Meter
from usage_ledger.reading.days import instant
from usage_ledger.reading.nested import Rows


def durations(
    rows: Rows, meter: Meter, bounds: tuple[str, str], values: list[Decimal | None], notes: Counter[str]
) -> list[Decimal | None]:
    """The values, or the time between two instants; 0 where clocks that disagree make it negative."""
    if None in values:
        starts, ends = (rows.column(path) for path in bounds)
        values = [
            _elapsed(f"{rows.place(number)}.{meter.path.replace('/', '.')}", start, end) if value is None else value
            for number, (value, start, end) in enumerate(zip(values, starts, ends, strict=True))
        ]
    negative = sum(value is not None and value < 0 for value in values)
    if not negative:
        return values
    notes["clock_order"] += negative
    return [None if value is None else max(value, ZERO) for value in values]


def _elapsed(where: str, start: Any, end: Any) -> Decimal | None:
    """Seconds between two instants, exact to the microsecond; None where one is missing."""
    if start is None or end is None:
        return None
    elapsed = instant(where, end) - instant(where, start)
    return Decimal(elapsed // timedelta(microseconds=1)).scaleb(-6)
