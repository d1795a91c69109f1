"""Anthropic's Claude Code report: a record per actor, terminal and day."""

from collections import Counter
from decimal import Decimal

from usage_ledger.sandbox.anthropic.account import CODE_DELAY, CodeRecord
from usage_ledger.sandbox.anthropic.queries import AnthropicCall, instant, limit, paged, read_cursor
from usage_ledger.sandbox.kit.paging import page_token
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import DAY_SLOTS, rfc3339, slot_of
from usage_ledger.sandbox.kit.streams import used


def claude_code(call: AnthropicCall) -> Json:
    """One page of the records of a day."""
    account, params, now = call.truth, call.params, call.now
    size, day = limit(params, 20, 1000), instant(params, "starting_at", "T00:00:00Z")
    # Every page ends where the first one ended, however late it is requested.
    slot_limit, offset = read_cursor(params, 2) or (slot_of(now - CODE_DELAY), 0)
    low, high = min(slot_of(day), slot_limit), min(slot_of(day) + DAY_SLOTS, slot_limit)
    shared: Json = {"date": rfc3339(day), "organization_id": account.account}
    entries = [shared | row for record in account.all_records if (row := _code_row(record, low, high))]
    following = page_token(slot_limit, offset + size) if offset + size < len(entries) else None
    return paged(entries[offset : offset + size], following)


def _code_row(record: CodeRecord, low: int, high: int) -> Json:
    """One record, empty if nothing was done."""
    counts = used(record.counts, low, high)
    tools = {name: used(ways, low, high) for name, ways in record.tools.items()}
    models = {name: amounts for name, parts in record.models.items() if (amounts := used(parts, low, high))}
    if not (counts or any(tools.values()) or models):
        return {}
    person = "subscription_type" in record.dims
    kind, named = ("user_actor", "email_address") if person else ("api_actor", "api_key_name")
    plain = ("num_sessions", "commits_by_claude_code", "pull_requests_by_claude_code")
    lines = {name: counts[name] for name in ("added", "removed")}
    return {
        **record.dims,
        "actor": {"type": kind, named: record.actor},
        "core_metrics": {**{name: counts[name] for name in plain}, "lines_of_code": lines},
        "tool_actions": {tool: {way: ways[way] for way in ("accepted", "rejected")} for tool, ways in tools.items()},
        "model_breakdown": [_share(name, amounts, record.digits) for name, amounts in models.items()],
    }


def _share(model: str, amounts: Counter[str], digits: int) -> Json:
    amount = Decimal(amounts["amount"]).scaleb(-digits) if digits else amounts["amount"]
    tokens = {name: amounts[name] for name in ("input", "output", "cache_read", "cache_creation")}
    return {"model": model, "tokens": tokens, "estimated_cost": {"currency": "USD", "amount": amount}}
