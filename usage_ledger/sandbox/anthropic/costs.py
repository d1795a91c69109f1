"""Anthropic's cost report: cents per line of the bill and workspace."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from usage_ledger.sandbox.anthropic.account import Use
from usage_ledger.sandbox.anthropic.buckets import DAILY_PAGES, buckets
from usage_ledger.sandbox.anthropic.queries import ENUMS, AnthropicCall, many
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.streams import used

_LINE = ("description", "cost_type", "token_type", "model", *ENUMS, "workspace_id")


def cost(call: AnthropicCall) -> Json:
    """One page of the costs."""
    account = call.truth
    group = many(call.params, "group_by[]", ("workspace_id", "description"))

    def results(low: int, high: int) -> Iterable[Json]:
        amounts: Counter[tuple[str | None, ...]] = Counter()
        for use in account.all_uses:
            for name, amount in used(use.meters, low, high).items():
                if price := use.prices.get(name):
                    line = _line(use, name) if "description" in group else {}
                    line |= {"workspace_id": use.dims["workspace_id"]} if "workspace_id" in group else {}
                    amounts[tuple(map(line.get, _LINE))] += amount * price
        for values, amount in amounts.items():
            yield {"amount": cents(amount), "currency": "USD", **dict(zip(_LINE, values, strict=True))}

    return buckets(call, DAILY_PAGES, results)


def _line(use: Use, name: str) -> dict[str, str | None]:
    """What the bill says about one meter."""
    if not name.endswith("_tokens"):
        kind = name.removesuffix("_requests")
        words = kind.removesuffix("_usage").replace("_", " ").title()
        return {"description": f"{words} Usage", "cost_type": kind}
    # The description has every field that can differ, so that one description is one line.
    odd = [value for value in use.dims.values() if value in ("batch", "200k-1M", "us")]
    words = name.removeprefix("uncached_").replace("_", " ").title()
    text = f"{use.label} Usage - {', '.join([words, *odd])}"
    token_type = name.replace("ephemeral", "cache_creation.ephemeral")
    parsed = {field: use.dims[field] for field in ("model", *ENUMS)}
    return {"description": text, "cost_type": "tokens", "token_type": token_type, **parsed}


def cents(nanocents: int) -> str:
    """Cents with at least six places."""
    text = f"{Decimal(nanocents).scaleb(-9):.9f}"
    return text[:-3] + text[-3:].rstrip("0")
