"""What OpenRouter's answers say in dollars, and the sums behind it."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import mul

from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import midnight, slot_of
from usage_ledger.sandbox.openrouter.account import Pair


def dollars(nanos: int) -> int | Decimal:
    """Dollars as JavaScript writes numbers: no zeros at the end, and no point in a whole number."""
    whole, rest = divmod(nanos, 10**9)
    return Decimal(nanos).scaleb(-9).normalize() if rest else whole


def amounts_of(pair: Pair, first: int, last: int) -> list[int]:
    """Requests, those by own keys, prompt, completion and reasoning tokens; nanodollars of credits and of own keys."""
    meters = (pair.requests, pair.cached, pair.uncached, pair.output, pair.reasoning)
    requests, *used, reasoning = (meter.between(first, last) for meter in meters)
    costs = (sum(map(mul, used, prices)) for prices in (pair.charged, pair.own))
    own = requests if any(pair.own) else 0
    return [requests, own, used[0] + used[1], used[2], reasoning, *costs]


def costs(pairs: Iterable[Pair], first: int, last: int) -> tuple[int, int]:
    """Nanodollars charged to credits, and paid by own keys."""
    entries = [amounts_of(pair, first, last) for pair in pairs]
    return sum(amounts[-2] for amounts in entries), sum(amounts[-1] for amounts in entries)


def usage_fields(pairs: Iterable[Pair], since: date, now: datetime, limit: int | None) -> Json:
    """Dollars of the lifetime and of the running UTC day, week from Monday, and month."""
    today = now.date()
    week, month = today - today.weekday() * timedelta(days=1), today.replace(day=1)
    starts = {"usage": since, "usage_daily": today, "usage_weekly": week, "usage_monthly": month}
    spent = {name: costs(pairs, slot_of(midnight(start)), slot_of(now)) for name, start in starts.items()}
    return {
        "limit": limit,
        "limit_remaining": limit and dollars(max(0, limit * 10**9 - spent["usage_monthly"][0])),
        "limit_reset": "monthly" if limit else None,
        "include_byok_in_limit": False,
        **{name: dollars(charged) for name, (charged, _) in spent.items()},
        **{f"byok_{name}": dollars(own) for name, (_, own) in spent.items()},
    }
