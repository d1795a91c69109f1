"""What is true of an invented Groq organization, in the ledger's columns.

The answers write rates of windows of five minutes; the truth adds the same running totals up over whole days.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from usage_ledger.sandbox.groq.account import REQUESTS, SLOT_WINDOWS, TOKENS_IN, TOKENS_OUT, WINDOW, GroqAccount
from usage_ledger.sandbox.kit.slots import limit_of
from usage_ledger.sandbox.kit.totals import Totals, slots_of_dates

_NANO = Decimal("1E-9")
_PEAKS = {TOKENS_IN: "peak_input_tokens_per_second", TOKENS_OUT: "peak_output_tokens_per_second"}
_COLUMNS = {TOKENS_IN: "input_tokens", TOKENS_OUT: "output_tokens", REQUESTS: "requests"}


@dataclass(frozen=True)
class GroqTruth(GroqAccount):
    """An organization, and what is true of it."""

    def expected(
        self, report: str, first: date, end: date, zone: str = "UTC", *, by: str = "", now: datetime | None = None
    ) -> Totals:
        """Totals per (UTC date of `[first, end)`, '', value of `by`) and ledger column.

        `by` is `model` or `project_id`; peaks of several rows are added up. With `now`, only quarters of an hour that
        are over by then count.
        """
        if report != "usage" or zone != "UTC" or by not in ("", "model", "project_id"):
            raise ValueError(f"there is no {report!r} by {by!r} in {zone!r}")
        totals: Totals = {}
        for day, (low, high) in slots_of_dates(first, end, limit_of(now)).items():
            for series in self.all_series:
                if amount := series.stream.between(low, high):
                    place = totals.setdefault((day, "", dict(series.labels).get(by, "")), {})
                    amounts = {_COLUMNS[series.metric]: Decimal(amount)}
                    if series.metric in _PEAKS:
                        most = max(series.windows(low * SLOT_WINDOWS, high * SLOT_WINDOWS - 1).values())
                        amounts[_PEAKS[series.metric]] = (Decimal(most) / WINDOW).quantize(_NANO)
                    for column, value in amounts.items():
                        place[column] = place.get(column, 0) + value
        return totals
