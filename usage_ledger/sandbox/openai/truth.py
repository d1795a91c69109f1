"""What is true of an invented OpenAI organization, in the ledger's columns.

The truth and the answers read the same running totals and share nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from usage_ledger.sandbox.kit.slots import limit_of
from usage_ledger.sandbox.kit.totals import Totals, add_to, slots_of_dates
from usage_ledger.sandbox.openai.account import OpenAIAccount
from usage_ledger.sandbox.openai.catalogue import CACHED, OUTPUT, UNCACHED, Values, text_of

COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "completions": {
        "requests": ("requests",),
        "input_tokens": (*UNCACHED, *CACHED),
        "cached_input_tokens": CACHED,
        "cache_write_tokens": ("cache_write",),
        "audio_input_tokens": ("audio", "cached_audio"),
        "image_input_tokens": ("image", "cached_image"),
        "cached_audio_input_tokens": ("cached_audio",),
        "cached_image_input_tokens": ("cached_image",),
        "output_tokens": OUTPUT,
        "audio_output_tokens": ("output_audio",),
        "image_output_tokens": ("output_image",),
    },
    **{name: {"requests": ("requests",), "input_tokens": ("input",)} for name in ("embeddings", "moderations")},
    "images": {"requests": ("requests",), "images": ("images",)},
    "audio_speeches": {"requests": ("requests",), "characters": ("characters",)},
    "audio_transcriptions": {"requests": ("requests",), "audio_seconds": ("seconds",)},
    "vector_stores": {"storage_bytes": ("stored",)},
    "code_interpreter_sessions": {"sessions": ("sessions",)},
    "file_search_calls": {"tool_calls": ("calls",)},
    "web_search_calls": {"web_searches": ("calls",)},
}
"""The ledger's columns of every usage report, with the meters that add up to each."""
DIMENSIONS = ("project_id", "api_key_id", "user_id", "model", "batch", "service_tier", "line_item")


@dataclass(frozen=True)
class OpenAITruth(OpenAIAccount):
    """An organization, and what is true of it."""

    def expected(
        self, report: str, first: date, end: date, zone: str = "UTC", *, by: str = "", now: datetime | None = None
    ) -> Totals:
        """Totals per (UTC date of `[first, end)`, breakdown '', value of `by`) and ledger column.

        With `now`, only quarters of an hour that are over by then count. Stored bytes are the day's last reading.
        """
        if zone != "UTC" or by not in ("", *DIMENSIONS):
            raise ValueError("only days of UTC, by one of the ledger's dimensions")
        totals: Totals = {}
        for day, (start, stop) in slots_of_dates(first, end, limit_of(now)).items():
            for values, amounts in self._amounts(report, start, stop):
                add_to(totals, (day, "", text_of(values.get(by))), amounts)
        return totals

    def _amounts(self, report: str, start: int, stop: int) -> Iterator[tuple[Values, dict[str, int | Decimal]]]:
        if report == "costs":
            for charge in self.all_charges:
                if units := sum(meter.between(start, stop) for meter in charge.meters):
                    yield charge.values, {"amount": Decimal(units * charge.price[0]).scaleb(-12)}
            return
        begin = 0 if report == "vector_stores" and stop > start else start
        for use in self.all_uses[report]:
            used = {name: meter.between(begin, stop) for name, meter in use.meters.items()}
            if any(used.values()):
                totals = {column: sum(used.get(m, 0) for m in meters) for column, meters in COLUMNS[report].items()}
                yield use.values, {n: Decimal(t) if n == "audio_seconds" else t for n, t in totals.items()}
