"""What is true of an invented Anthropic organization, in the ledger's columns.

The answers and the truth read the same running totals, and share nothing else: the answers go through grouped rows,
`expected` adds the meters up, over days that it finds slot by slot.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from usage_ledger.sandbox.anthropic.account import CODE_DELAY, CODE_TOKENS, TOKENS, AnthropicAccount
from usage_ledger.sandbox.kit.slots import FOREVER, slot_of
from usage_ledger.sandbox.kit.streams import Stream
from usage_ledger.sandbox.kit.totals import Totals, slots_of_dates

_COUNT_COLUMNS = ("sessions", "lines_added", "lines_removed", "commits", "pull_requests")
_CODE_TOKEN_COLUMNS = tuple(TOKENS[name][2] for name in TOKENS if "1h" not in name)
_COLUMNS = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens")
_USAGE_COLUMNS = (*_COLUMNS, "cache_write_1h_tokens", "web_searches")
_CODE_COLUMNS = (*_COLUMNS, *_COUNT_COLUMNS, "tool_calls", "amount")
_ANALYTICS_DIMENSIONS = ("model", "api_key_id", "project_id", "user_id", "speed")
# Per report: its breakdown where an organization has the analytics, its columns, and the dimensions to split it by.
_REPORTS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "messages": ("messages", _USAGE_COLUMNS, ("model", "api_key_id", "project_id", "service_tier", "context_window")),
    "messages_by_user": ("user", _USAGE_COLUMNS, ("model", "project_id", "user_id", "inference_geo")),
    "cost": ("cost", ("amount",), ("model", "project_id", "service_tier", "context_window", "inference_geo")),
    "analytics_usage": ("", (*_USAGE_COLUMNS, "requests"), _ANALYTICS_DIMENSIONS),
    "analytics_cost": ("", ("amount",), _ANALYTICS_DIMENSIONS),
    "claude_code": ("actor", _CODE_COLUMNS, ("model", "user_id")),
}
# What a meter of something with these dimensions adds to which columns, and times what.
_Term = tuple[Mapping[str, str | None], tuple[str, ...], Stream, int | Decimal]


@dataclass(frozen=True)
class AnthropicTruth(AnthropicAccount):
    """An organization, and what is true of it."""

    def expected(
        self, report: str, first: date, end: date, zone: str = "UTC", *, by: str = "", now: datetime | None = None
    ) -> Totals:
        """Totals of `report` per (date in [first, end), breakdown, value of `by`), by ledger column, in dollars.

        Given `now`, only slots count that are over by then, or were an hour ago in `claude_code`. What has no value
        is under ''; an actor's `user_id` is its email address, or the name of its key.
        """
        breakdown, columns, dimensions = _REPORTS[report]
        if zone != "UTC" or by not in ("", *dimensions):
            raise ValueError(f"{report} has UTC days, and cannot be split by {by!r}")
        limit = slot_of(now - (CODE_DELAY if report == "claude_code" else timedelta())) if now else FOREVER
        terms = list(self._terms(report))
        names = {"project_id": ("workspace_id",), "user_id": ("account_id", "service_account_id")}.get(by, (by,))
        totals: Totals = {}
        for day, (low, high) in slots_of_dates(first, end, limit).items():
            for dims, counted, meter, factor in terms:
                if used := meter.between(low, high):
                    value = next((value for name in names if (value := dims.get(name))), "")
                    total = totals.setdefault((day, breakdown, value), dict.fromkeys(columns, 0))
                    for column in counted:
                        total[column] += used * factor
        return totals

    def _terms(self, report: str) -> Iterator[_Term]:
        analytics = report.startswith("analytics")
        for use in self.all_uses if report != "claude_code" else ():
            # The analytics know the default workspace by its id.
            whole = {**use.dims, "workspace_id": use.workspace.workspace_id} if analytics else use.dims
            if report.endswith("cost"):
                for name, price in use.prices.items():
                    dims = whole if analytics or name in TOKENS else {"workspace_id": use.dims["workspace_id"]}
                    yield dims, ("amount",), use.meters[name], Decimal(price).scaleb(-11)
            elif "model" in use.dims:
                for name, meter in use.meters.items():
                    yield whole, TOKENS[name][2] if name in TOKENS else ("web_searches",), meter, 1
                if analytics:
                    yield whole, ("requests",), use.requests, 1
        for record in self.all_records if report == "claude_code" else ():
            actor = {"account_id": record.actor}
            for column, meter in zip(_COUNT_COLUMNS, record.counts.values(), strict=True):
                yield actor, (column,), meter, 1
            for ways in record.tools.values():
                yield from ((actor, ("tool_calls",), meter, 1) for meter in ways.values())
            for model, parts in record.models.items():
                dims = {**actor, "model": model}
                for columns, name in zip(_CODE_TOKEN_COLUMNS, CODE_TOKENS, strict=True):
                    yield dims, columns, parts[name], 1
                yield dims, ("amount",), parts["amount"], Decimal(1).scaleb(-2 - record.digits)
