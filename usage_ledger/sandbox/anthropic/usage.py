"""Anthropic's usage of messages: tokens per bucket, grouped and filtered as requested."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta

from usage_ledger.sandbox.anthropic.account import Use
from usage_ledger.sandbox.anthropic.buckets import DAILY_PAGES, Pages, buckets
from usage_ledger.sandbox.anthropic.queries import ENUMS, AnthropicCall, invalid, many
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.streams import used

_PAGES: Pages = {"1m": (timedelta(minutes=1), 60, 1440), "1h": (timedelta(hours=1), 24, 168), **DAILY_PAGES}
_DIMENSIONS = ("account_id", "api_key_id", "workspace_id", "service_account_id", "model")
# The name of a filter is the plural of its dimension, but for one.
_FILTERS = {f"{name}s[]".replace("windows", "window"): name for name in (*_DIMENSIONS, *ENUMS)}


def messages(call: AnthropicCall) -> Json:
    """One page of the usage."""
    account, params = call.truth, call.params
    if len(params.getlist("group_by[]")) > 5:
        raise invalid("Cannot specify more than 5 group_by[] dimensions")
    group = many(params, "group_by[]", (*_DIMENSIONS, *ENUMS))
    if "speeds[]" in params:
        raise invalid("speeds[]: not available without the beta header")
    allowed_values = {name: many(params, text, ENUMS.get(name, ())) for text, name in _FILTERS.items()}

    def matches(use: Use) -> bool:
        # The filter knows the default workspace by its id, which the rows do not have.
        available = {**use.dims, "workspace_id": use.workspace.workspace_id}
        return "model" in use.dims and all(
            available[name] in values for name, values in allowed_values.items() if values
        )

    uses = [use for use in account.all_uses if matches(use)]

    def results(low: int, high: int) -> Iterable[Json]:
        rows: dict[tuple[str | None, ...], Counter[str]] = {}
        for use in uses:
            if amounts := used(use.meters, low, high):
                rows.setdefault(tuple(use.dims[name] for name in group), Counter()).update(amounts)
        return (_usage_row(dict(zip(group, values, strict=True)), amounts) for values, amounts in rows.items())

    return buckets(call, _PAGES, results)


def _usage_row(dims: Mapping[str, str | None], amounts: Counter[str]) -> Json:
    plain = ("uncached_input_tokens", "cache_read_input_tokens", "output_tokens")
    return {
        **{name: dims.get(name) for name in (*_DIMENSIONS, *ENUMS)},
        **{name: amounts[name] for name in plain},
        "cache_creation": {name: amounts[name] for name in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")},
        "server_tool_use": {"web_search_requests": amounts["web_search_requests"]},
    }
