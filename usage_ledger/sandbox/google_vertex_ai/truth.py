"""What is true of an invented billing account, in the ledger's columns.

The answers and the truth read the same running totals, and share nothing else: the answers group rows by what the
statement asks for, `expected` adds the units up, over days that it finds slot by slot.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from usage_ledger.sandbox.google_vertex_ai.account import NANO, GoogleVertexAIAccount, exported_until
from usage_ledger.sandbox.google_vertex_ai.skus import Sku
from usage_ledger.sandbox.kit.totals import Totals, add_to, slots_of_dates

CHARGES = {"regular": "Usage", "tax": "Tax", "adjustment": "Adjustment", "rounding_error": "Adjustment"}
_Term = tuple[date, str, str, Sku, str, str, int, int]
"""Day, project, region, SKU, charge category, invoice month, units, nanos."""


@dataclass(frozen=True)
class GoogleVertexAITruth(GoogleVertexAIAccount):
    """A billing account, and what is true of it."""

    def expected(
        self, report: str, first: date, end: date, zone: str = "UTC", *, by: str = "", now: datetime | None = None
    ) -> Totals:
        """Totals of `report` per (date in [first, end), breakdown, value of `by`), by ledger column.

        Given `now`, only what is exported by then counts. Raises `ValueError` for another zone than UTC.
        """
        if zone != "UTC":
            raise ValueError("the export has UTC days")
        if report == "requests":
            return self._monitored(first, end, by, now)
        totals: Totals = {}
        for day, project, region, sku, charge, month, units, nanos in self._terms(first, end, now):
            values = {
                "": "",
                "project_id": project,
                "region": region,
                "sku_id": sku.sku_id,
                "model": sku.model,
                "charge_category": charge,
                "invoice_month": month,
                "service_tier": sku.service_tier,
                "batch": sku.batch,
                "context_window": sku.context_window,
            }
            amounts: dict[str, int | Decimal] = {"amount": Decimal(nanos) * NANO}
            if charge == "Usage" and by not in ("sku_id", "charge_category", "invoice_month"):
                amounts |= dict.fromkeys(sku.columns, units)
            place = (day, "", values[by])
            totals.setdefault(place, {})
            for column in amounts:
                totals[place].setdefault(column, 0)
            add_to(totals, place, amounts)
        return totals

    def _terms(self, first: date, end: date, now: datetime | None) -> Iterator[_Term]:
        for day, (low, high) in slots_of_dates(first, end, exported_until(now)).items():
            for use in self.all_uses:
                if units := use.units.between(low, high):
                    of_use = (day, use.project, use.region, use.sku)
                    nanos = units * use.sku.nanos * self.price_factor
                    charge = "Purchase" if "Provisioned" in use.sku.text else "Usage"
                    yield *of_use, charge, f"{day:%Y%m}", units, nanos
                    if credited := nanos * use.credited // 100:
                        yield *of_use, "Credit", f"{day:%Y%m}", 0, -credited
        for line in self.lines:
            if first <= line.used_at.date() < end and (now is None or line.exported_at <= now):
                charge = CHARGES[line.cost_type]
                yield (
                    *(line.used_at.date(), line.project, line.region, line.sku, charge),
                    *(line.invoice_month, line.units, line.nanos),
                )

    def _monitored(self, first: date, end: date, by: str, now: datetime | None) -> Totals:
        totals: Totals = {}
        for day, (low, high) in slots_of_dates(first, end, exported_until(now)).items():
            metered = [(place, "requests", calls) for place, calls in self.calls.items()]
            for use in self.all_uses:
                place = (use.project, use.region, use.sku.model)
                if place in self.calls:
                    column = "input_tokens" if "input_tokens" in use.sku.columns else "output_tokens"
                    metered.append((place, column, use.units))
            for (project, region, model), column, meter in metered:
                if units := meter.between(low, high):
                    value = {"": "", "project_id": project, "region": region, "model": model}[by]
                    totals.setdefault((day, "monitoring", value), {}).setdefault(column, 0)
                    add_to(totals, (day, "monitoring", value), {column: units})
        return totals
