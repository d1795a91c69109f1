"""What is true of an invented Azure tenant, in the ledger's columns.

The truth and the answers read the same running totals and share nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from usage_ledger.sandbox.azure_openai.account import AzureAccount, Deployment
from usage_ledger.sandbox.azure_openai.catalogue import STATUSES
from usage_ledger.sandbox.azure_openai.costs import meter_of
from usage_ledger.sandbox.kit.slots import limit_of
from usage_ledger.sandbox.kit.totals import Totals, add_to, slots_of_dates

TOKENS = {
    "input_tokens": ("input",),
    "output_tokens": ("output",),
    "cached_input_tokens": ("cache_read",),
    "cache_write_tokens": ("cache_5m", "cache_1h"),
    "cache_write_1h_tokens": ("cache_1h",),
    "audio_input_tokens": ("audio_input",),
    "audio_output_tokens": ("audio_output",),
    "images": ("images",),
}
OLDER = ("input_tokens", "output_tokens")
"""What the second family of metrics counts too."""
FAMILY = "azure_openai_metrics"
DIMENSIONS = ("deployment", "region", "model", "model_version", "resource", "status", "service_tier", "line_item")
Row = tuple[str, dict[str, str], dict[str, int | Decimal]]
"""A breakdown, the values of dimensions, and amounts by column."""


@dataclass(frozen=True)
class AzureTruth(AzureAccount):
    """A tenant, and what is true of it."""

    def expected(
        self, report: str, first: date, end: date, zone: str = "UTC", *, by: str = "", now: datetime | None = None
    ) -> Totals:
        """Totals per (UTC date of `[first, end)`, breakdown, value of `by`) and ledger column.

        With `now`, only quarters of an hour that are over by then count.
        """
        if zone != "UTC" or by not in ("", *DIMENSIONS):
            raise ValueError("only days of UTC, by one of the ledger's dimensions")
        totals: Totals = {}
        for day, (start, stop) in slots_of_dates(first, end, limit_of(now)).items():
            rows = self._costs(day, start, stop) if report == "cost" else self._usage(start, stop, now)
            for breakdown, values, amounts in rows:
                add_to(totals, (day, breakdown, values.get(by, "")), amounts)
        return totals

    def _costs(self, day: date, start: int, stop: int) -> Iterator[Row]:
        named = self.all_subscriptions[:-1]
        for one in self.all_deployments:
            if one.resource.subscription in named and start < stop:
                for meter, direction, price in zip(("input", "output"), ("Inp", "Outp"), one.model.prices, strict=True):
                    tokens = one.meters[meter].between(start, stop) if meter in one.meters else 0
                    values = {"resource": one.resource.path.lower(), "line_item": meter_of(one, direction)}
                    yield "", values, {"amount": Decimal(tokens * price).scaleb(-12)}
        for subscription in named if day.weekday() == 1 and start < stop else ():
            first = next(one for one in self.all_resources if one.subscription == subscription)
            values = {"resource": first.path.lower(), "line_item": "Service refund"}
            yield "", values, {"amount": Decimal("-0.0100000001")}

    def _usage(self, start: int, stop: int, now: datetime | None) -> Iterator[Row]:
        for one in self.all_deployments:
            if one.resource.subscription == self.all_subscriptions[-1] or start >= stop:
                continue
            used = {meter: stream.between(start, stop) for meter, stream in one.meters.items()}
            values = self._values(one, now)
            tokens = {column: sum(used.get(meter, 0) for meter in meters) for column, meters in TOKENS.items()}
            if one.resource.kind == "OpenAI":
                tokens["images"] = 0
            yield "", values, dict(tokens)
            if one.model.format == "OpenAI":
                older = values if values["service_tier"] else {**values, "model": ""}
                yield FAMILY, older, {column: tokens[column] for column in OLDER}
            for status in STATUSES:
                yield "", {**values, "status": status}, {"requests": used[status]}
                if one.model.format == "OpenAI":
                    yield FAMILY, {**values, "status": status}, {"requests": used[status]}

    def _values(self, one: Deployment, now: datetime | None) -> dict[str, str]:
        """A deployment's dimensions; what only the list of deployments tells is blank once it is deleted."""
        listed = not (one.deleted_at and now and one.deleted_at <= now)
        return {
            "deployment": one.name,
            "region": one.resource.location,
            "model": one.model.name,
            "model_version": one.model.version,
            "resource": one.resource.path.lower(),
            "service_tier": one.sku if listed else "",
        }
