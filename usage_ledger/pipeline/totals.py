"""The provider's own totals, and whether its rows add up to them."""

from collections.abc import Mapping
from decimal import Decimal

from usage_ledger.model.provider import Report
from usage_ledger.reading.gathered import Gathered

HALF_A_NANO = Decimal("0.0000000005")


def differing_totals(report: Report, gathered: Gathered) -> dict[str, tuple[Decimal, Decimal]]:
    """The provider's own total and that of its rows, by currency, where they differ by more than rounding to 9 decimals
    explains; else nothing."""
    for total in () if gathered.failed else report.totals:
        sent = _of_column(gathered.totals, total.column)
        summed = _of_column(gathered.sums[total.table], total.column)
        zero = Decimal(0)
        differing = {key: (sent.get(key, zero), summed.get(key, zero)) for key in sorted(sent | summed)}
        if sent and any(abs(one - other) > gathered.rows * HALF_A_NANO for one, other in differing.values()):
            return differing
    return {}


def mismatch_of(differing: Mapping[str, tuple[Decimal, Decimal]]) -> str:
    """What a person reads of totals that differ; '' when they do not."""
    text = "; ".join(f"{key} {one:f}, its rows {other:f}" for key, (one, other) in differing.items())
    return f"the provider's own total is {text}" if text else ""


def _of_column(sums: Mapping[str, int | Decimal], column: str) -> dict[str, Decimal]:
    """The sums of a column by currency; the currency may be ''."""
    amounts = ((*key.partition(" "), value) for key, value in sums.items())
    return {currency: Decimal(value) for name, _, currency, value in amounts if name == column}


def evidence_of(gathered: Gathered, differing: Mapping[str, tuple[Decimal, Decimal]]) -> dict[str, dict[str, str]]:
    """The provider's own totals over the window by currency, and what its rows lack of them, exact as strings."""
    columns = {key.split(" ")[0] for key in gathered.totals}
    evidence = {
        f"provider_total_{column}": {key: f"{value:f}" for key, value in _of_column(gathered.totals, column).items()}
        for column in sorted(columns)
    }
    lacking = {key: f"{(one - other).normalize():f}" for key, (one, other) in differing.items() if one != other}
    return evidence | ({"total_difference": lacking} if lacking else {})
