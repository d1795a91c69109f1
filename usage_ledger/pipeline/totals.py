"""The provider's own totals, and whether its rows add up to them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from usage_ledger.core import numbers
from usage_ledger.json.document import document_of
from usage_ledger.model.provider import Report
from usage_ledger.reading.gathered import Gathered
from usage_ledger.reading.layout import layout
from usage_ledger.reading.money import signed
from usage_ledger.reading.nested import money_elements

HALF_A_NANO = Decimal("0.0000000005")


def add_totals(report: Report, document: Any, labels: Mapping[str, str], gathered: Gathered) -> None:
    """Add what a page says of the provider's own totals; those of failed dates are in them too."""
    request = (*labels.values(),)
    for total in () if gathered.failed else report.totals:
        elements = money_elements(report, total, document)
        if total.repeated and elements:
            elements = [] if request in gathered.totalled else elements
            gathered.totalled.add(request)
        for units, nanos, currency in elements:
            key = f"{total.column} {(currency or '').upper()}"
            amount = numbers.money(signed(units), signed(nanos))
            gathered.totals[key] = numbers.added(gathered.totals.get(key, 0), amount)


def add_evidence(report: Report, document: Any, labels: Mapping[str, str], gathered: Gathered) -> None:
    """Add what a page says of itself. Of several pages of a request the last one counts."""
    root = layout(report).root
    for name in report.evidence:
        sent = bytes(getattr(document, root.attribute(name)))
        if sent:
            gathered.evidence[name][" ".join(labels.values())] = str(document_of(sent, f"`{name}`"))


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
    """The provider's own totals over the window by currency, what its rows lack of them, exact as strings, and what the
    answer says of itself."""
    columns = {key.split(" ")[0] for key in gathered.totals}
    evidence = {
        f"provider_total_{column}": {key: f"{value:f}" for key, value in _of_column(gathered.totals, column).items()}
        for column in sorted(columns)
    }
    lacking = {key: f"{(one - other).normalize():f}" for key, (one, other) in differing.items() if one != other}
    return evidence | gathered.evidence | ({"total_difference": lacking} if lacking else {})
