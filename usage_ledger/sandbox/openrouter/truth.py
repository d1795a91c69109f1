"""What is true of an invented OpenRouter account, in the ledger's columns.

The answers and the truth read the same running totals and share nothing else: the answers go through the rows of the
API, the truth adds the meters up over days that it finds slot by slot.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from usage_ledger.sandbox.kit.slots import limit_of
from usage_ledger.sandbox.kit.totals import Totals, add_to, slots_of_dates
from usage_ledger.sandbox.openrouter.account import OpenRouterAccount, Pair

REPORTS = ("activity", "activity_by_key")


def _dimension(pair: Pair, by: str) -> str:
    values = {
        "": "",
        "model": pair.model.permaslug,
        "host": pair.host,
        "project_id": pair.key.workspace_id,
        "api_key_id": pair.key.key_hash,
    }
    return values[by]


def _used(pair: Pair, first: int, last: int) -> tuple[dict[str, int | Decimal], Decimal]:
    """The columns of one pair in the slots `[first, last)`, and the dollars that its own key paid."""
    counts = [meter.between(first, last) for meter in (pair.cached, pair.uncached, pair.output)]
    charged, own = (
        sum((Decimal(count * price) for count, price in zip(counts, prices, strict=True)), Decimal(0)) / 10**9
        for prices in (pair.charged, pair.own)
    )
    used: dict[str, int | Decimal] = {
        "requests": pair.requests.between(first, last),
        "byok_requests": pair.requests.between(first, last) if any(pair.own) else 0,
        "input_tokens": counts[0] + counts[1],
        "output_tokens": counts[2],
        "reasoning_tokens": pair.reasoning.between(first, last),
        "amount": charged,
    }
    return used, own


@dataclass(frozen=True)
class OpenRouterTruth(OpenRouterAccount):
    """An account, and what is true of it."""

    def expected(
        self, report: str, first: date, end: date, zone: str = "UTC", *, by: str = "", now: datetime | None = None
    ) -> Totals:
        """Totals per (UTC date of `[first, end)`, breakdown, value of `by`) and ledger column.

        `by` is `model`, `host`, `project_id` or, of `activity_by_key` alone, `api_key_id`. The breakdown `byok` has no
        entry where nobody's own key was used; `activity_by_key` lacks the deleted key.
        With `now`, only quarters of an hour that are over by then count.
        """
        keyed = report == REPORTS[1]
        dimensions = ("", "model", "host", "project_id", *(("api_key_id",) if keyed else ()))
        if report not in REPORTS or zone != "UTC" or by not in dimensions:
            raise ValueError(f"there is no {report!r} by {by!r} in {zone!r}")
        totals: Totals = {}
        pairs = [pair for pair in self.all_pairs if not (keyed and pair.key.deleted)]
        for day, (low, high) in slots_of_dates(first, end, limit_of(now)).items():
            for pair in pairs:
                if not pair.requests.between(low, high):
                    continue
                used, own = _used(pair, low, high)
                add_to(totals, (day, "api_key" if keyed else "", _dimension(pair, by)), used)
                if own and not keyed:
                    add_to(totals, (day, "byok", _dimension(pair, by)), {"amount": own})
        return totals
