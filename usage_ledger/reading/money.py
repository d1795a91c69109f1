"""Money in three fields (units, billionths, currency), exact."""

from decimal import Decimal
from typing import Any

from msgspec import UNSET

from usage_ledger.core import contract_errors, numbers
from usage_ledger.model.rows import Money
from usage_ledger.reading.absence import check_absent, placed
from usage_ledger.reading.nested import Rows


def money(rows: Rows, meter: Money) -> list[Decimal | None]:
    """A meter's values; proto3 leaves out a zero `units` or `nanos`, or both, but never the currency."""
    out: list[Decimal | None] = []
    blanks: list[Any] = []
    parts = (rows.column(f"{meter.path}/{name}") for name in ("units", "nanos", "currencyCode"))
    for number, (whole, part, currency) in enumerate(zip(*parts, strict=True)):
        blank = whole in (UNSET, None) and part in (UNSET, None) and not currency
        blanks.append(UNSET if blank else 0)
        if blank:
            out.append(None)
            continue
        try:
            out.append(numbers.money(signed(whole), signed(part)))
        except contract_errors.ContractBroken as error:
            raise placed(error, rows, meter.path, number) from None
    check_absent(rows, meter, blanks)
    return out


def signed(value: Any) -> int:
    """A whole number that may be negative; absent and null are 0. Raises the number errors of `ContractBroken`."""
    if value is UNSET or value is None:
        return 0
    text = str(value)
    magnitude = numbers.integer(text.removeprefix("-"))
    return -magnitude if text.startswith("-") else magnitude
