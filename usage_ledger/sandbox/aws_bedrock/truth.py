"""What is true of an invented AWS account, in the ledger's columns.

The answers and the truth read the same running totals and share nothing else: the answers publish each call under
several sets of dimensions, the truth adds each caller's meters up once.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from usage_ledger.sandbox.aws_bedrock.account import BedrockAccount, Caller
from usage_ledger.sandbox.aws_bedrock.costs import lines_of
from usage_ledger.sandbox.kit.slots import limit_of
from usage_ledger.sandbox.kit.totals import Totals, add_to, slots_of_dates

COLUMNS = {
    "requests": ("Invocations", "Inferences"),
    "input_tokens": ("InputTokenCount", "TotalInputTokens"),
    "cached_input_tokens": ("CacheReadInputTokens", "CacheReadInputTokenCount"),
    "cache_write_tokens": ("CacheWriteInputTokens", "CacheWriteInputTokenCount"),
    "output_tokens": ("OutputTokenCount", "TotalOutputTokens"),
    "images": ("OutputImageCount",),
}
"""By column, the names of the metrics, of which one counts."""
DIMENSIONS = ("", "model", "variant", "region", "project_id", "operation")


@dataclass(frozen=True)
class BedrockTruth(BedrockAccount):
    """An account, and what is true of it."""

    def expected(
        self, report: str, first: date, end: date, zone: str = "UTC", *, by: str = "", now: datetime | None = None
    ) -> Totals:
        """Totals per (UTC date of `[first, end)`, breakdown, value of `by`) and ledger column.

        With `now`, only quarters of an hour that are over by then count. An application profile's id does not say its
        model. `cost` is by `category`, `charge_category` or nothing.
        """
        totals: Totals = {}
        days = slots_of_dates(first, end, limit_of(now))
        if report == "cost" and zone == "UTC" and by in ("", "category", "charge_category"):
            for day, (low, high) in days.items():
                for line in lines_of(self, low, high):
                    value = {"": "", "category": line.service, "charge_category": line.record_type}[by]
                    add_to(totals, (day, "", value), {"amount": line.amount})
            return totals
        if report != "usage" or zone != "UTC" or by not in DIMENSIONS:
            raise ValueError(f"there is no {report!r} by {by!r} in {zone!r}")
        for day, (low, high) in days.items():
            for caller in self.callers:
                amounts = _amounts(caller, low, high)
                if any(amounts.values()):
                    add_to(totals, (day, "", self._value(caller, by)), amounts)
        return totals

    def _value(self, caller: Caller, by: str) -> str:
        labels = dict(caller.labels)
        called = labels.get("ModelId", labels.get("Model", ""))
        opaque = called in {profile.profile_id for profile in self.profiles if profile.kind == "APPLICATION"}
        values = {
            "model": called if opaque else caller.base_model,
            "variant": called,
            "region": caller.region,
            "project_id": labels.get("Project", ""),
            "operation": caller.namespace,
        }
        return values.get(by, "")


def _amounts(caller: Caller, low: int, high: int) -> dict[str, int | Decimal]:
    amounts: dict[str, int | Decimal] = {}
    for column, names in COLUMNS.items():
        counted = [caller.meters[name].between(low, high) for name in names if name in caller.meters]
        amounts[column] = counted[0] if counted else 0
    amounts["input_tokens"] += amounts["cached_input_tokens"] + amounts["cache_write_tokens"]
    return amounts
