"""Anthropic's analytics: rows of usage and of cost by day and group, page by page."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from usage_ledger.sandbox.anthropic.account import AnthropicAccount, Use
from usage_ledger.sandbox.anthropic.costs import cents
from usage_ledger.sandbox.anthropic.queries import AnthropicCall, instant, invalid, limit, many, one, paged, read_cursor
from usage_ledger.sandbox.kit.paging import page_token
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import rfc3339, slot_of
from usage_ledger.sandbox.kit.streams import used

TRIAL = "analytics-usage-cost-2026-08-24"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
LIST_PERCENT = 125
"""The list price, in percent of what the organization pays."""
_DAY = timedelta(days=1)
_PLAIN = ("api_key_id", "workspace_id", "model", "speed", "service_tier", "context_window", "inference_geo")
_NULL = (
    *("actor_type", "agent_id", "claude_tag_category", "claude_tag_user_id", "deployment_id", "environment_id"),
    *("organization_id", "product", "rbac_group_id", "session_id", "slack_channel_id", "user_profile_id"),
)
_TYPES = ("cost_type", "token_type")
_FIVE_AT_MOST = 5
Group = tuple[str | None, ...]


def analytics_usage(call: AnthropicCall) -> Json:
    """One page of the usage."""
    group_by = _group_by(call)

    def rows(low: int, high: int) -> Iterator[Json]:
        for group, uses in _grouped(call.truth, group_by).items():
            amounts: Counter[str] = Counter()
            for use in uses:
                amounts += used({**use.meters, "requests": use.requests}, low, high)
            if amounts:
                yield {"group": _group(call.truth, group_by, group), "usage": _usage(amounts)}

    return _page(call, rows)


def analytics_cost(call: AnthropicCall) -> Json:
    """One page of the costs, a row for each type of token and other charge."""
    group_by = _group_by(call, *_TYPES)
    if not set(_TYPES) <= set(group_by):
        raise invalid("group_by[]: the stand-in answers costs by cost_type and token_type")

    def rows(low: int, high: int) -> Iterator[Json]:
        amounts: Counter[tuple[Group, str]] = Counter()
        for group, uses in _grouped(call.truth, group_by, billed=True).items():
            for use in uses:
                for name, amount in used(use.meters, low, high).items():
                    amounts[group, name] += amount * use.prices.get(name, 0)
        for (group, name), nanocents in amounts.items():
            if nanocents:
                yield {
                    "group": {**_group(call.truth, group_by, group), **_type_of(name)},
                    "cost": {
                        "amount": cents(nanocents),
                        "list_amount": cents(nanocents * LIST_PERCENT // 100),
                        "currency": "USD",
                        "requests": None,
                    },
                }

    return _page(call, rows)


def _group_by(call: AnthropicCall, *types: str) -> list[str]:
    if TRIAL not in call.request.headers.get("anthropic-beta", ""):
        raise invalid(f"anthropic-beta: {TRIAL} is required")
    group_by = many(call.params, "group_by[]", ("actor", *_PLAIN, *_NULL, *types))
    if len(set(group_by) - set(types)) > _FIVE_AT_MOST:
        raise invalid("group_by[]: at most 5 dimensions")
    return group_by


def _grouped(account: AnthropicAccount, group_by: list[str], *, billed: bool = False) -> Mapping[Group, list[Use]]:
    groups: dict[Group, list[Use]] = {}
    for use in account.all_uses:
        if billed or "model" in use.dims:
            groups.setdefault(tuple(_value(use, name) for name in group_by), []).append(use)
    return groups


def _value(use: Use, name: str) -> str | None:
    """A dimension of a use: the default workspace has its id here, and an actor is the first of its ids."""
    if name == "workspace_id":
        return use.workspace.workspace_id
    if name == "actor":
        ids = (use.dims.get(field) for field in ("account_id", "service_account_id", "api_key_id"))
        return next((one for one in ids if one), None)
    return use.dims.get(name)


def _group(account: AnthropicAccount, group_by: list[str], values: Group) -> Json:
    group: Json = dict.fromkeys(("actor", *_PLAIN, *_NULL))
    group |= {name: value for name, value in zip(group_by, values, strict=True) if name not in _TYPES}
    actor = next((value for name, value in zip(group_by, values, strict=True) if name == "actor"), None)
    return group | {"actor": _actor(account, actor)}


def _actor(account: AnthropicAccount, actor: str | None) -> Json | None:
    if actor is None:
        return None
    if actor.startswith("svac_"):
        return {"type": "service_account_actor", "service_account_id": actor}
    for user in account.all_users:
        if user.user_id == actor:
            named = {"name": user.name, "email_address": user.email, "deleted": False}
            return {"type": "user_actor", "user_id": actor, **named}
    return {"type": "api_actor", "api_key_id": actor}


def _usage(amounts: Counter[str]) -> Json:
    plain = ("uncached_input_tokens", "cache_read_input_tokens", "output_tokens")
    writes = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    return {
        **{name: amounts[name] for name in ("requests", *plain)},
        "cache_creation": {name: amounts[name] for name in writes},
        "server_tool_use": {"web_search_requests": amounts["web_search_requests"]},
        "total_tokens": sum(amounts[name] for name in (*plain, *writes)),
    }


def _type_of(name: str) -> Json:
    if name.endswith("_tokens"):
        return {"cost_type": "tokens", "token_type": name.replace("ephemeral", "cache_creation.ephemeral")}
    return {"cost_type": name.removesuffix("_requests"), "token_type": None}


def _page(call: AnthropicCall, rows: Callable[[int, int], Iterable[Json]]) -> Json:
    """Rows, not days, count for a page; days without use have none."""
    params, now = call.params, call.now
    if one(params, "time_bucket_width", ("1d",), "") != "1d" or one(params, "order_by", ("time",), "") != "time":
        raise invalid("the stand-in answers days in the order of time")
    size, start, end = limit(params, 20, 1000), instant(params, "starting_at"), instant(params, "ending_at")
    if start < max(FIRST, now - 366 * _DAY) or end <= start or end - start > 31 * _DAY:
        raise invalid("starting_at, ending_at: at most 31 days, of the last 365, and not before 2026-01-01")
    entries: list[Json] = []
    day = start
    while day < end:
        low, high = (min(slot_of(edge), slot_of(now)) for edge in (day, day + _DAY))
        bounds = {"starting_at": rfc3339(day), "ending_at": rfc3339(day + _DAY)}
        entries += [{**bounds, **row} for row in rows(low, high)]
        day += _DAY
    (offset,) = read_cursor(params, 1) or (0,)
    following = page_token(offset + size) if offset + size < len(entries) else None
    return {**paged(entries[offset : offset + size], following), "data_refreshed_at": rfc3339(now)}
