"""OpenRouter's activity: rows per day, model, endpoint and workspace."""

from datetime import date
from operator import add

from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import DAY_SLOTS, midnight, slot_of
from usage_ledger.sandbox.openrouter.account import Pair
from usage_ledger.sandbox.openrouter.money import amounts_of, dollars
from usage_ledger.sandbox.openrouter.queries import HASH, UUID, OpenRouterCall, days_of, id_of, refusal


def activity(call: OpenRouterCall) -> Json:
    """Rows per day, model and endpoint (and workspace, if requested), the newest day first; all in one answer."""
    params = call.params
    if params.get("group_by", "workspace") != "workspace":
        raise refusal(400, "group_by must be workspace")
    key, workspace = id_of(params, "api_key_hash", HASH), id_of(params, "workspace_id", UUID)
    user, days = params.get("user_id", ""), days_of(params, call.now.date())
    rows: dict[tuple[date, str, str], tuple[Pair, list[int]]] = {}
    for pair in call.truth.all_pairs:
        filters = ((key, pair.key.key_hash), (workspace, pair.key.workspace_id), (user, pair.key.creator))
        if any(want and want != have for want, have in filters):
            continue
        for day in days:
            amounts = amounts_of(pair, slot_of(midnight(day)), slot_of(midnight(day)) + DAY_SLOTS)
            if any(amounts):
                identity = (day, pair.endpoint_id, pair.key.workspace_id if "group_by" in params else "")
                _, sums = rows.setdefault(identity, (pair, [0] * len(amounts)))
                sums[:] = map(add, sums, amounts)
    newest_first = sorted(rows.items(), key=lambda row: row[0][0], reverse=True)
    return {"data": [_row(day, space, *entries) for (day, _, space), entries in newest_first]}


def _row(day: date, workspace_id: str, pair: Pair, sums: list[int]) -> Json:
    requests, byok, prompt, completion, reasoning, charged, own = sums
    row: Json = {
        "date": f"{day} 00:00:00" if pair.model.stamped else day.isoformat(),
        "model": pair.model.slug,
        "model_permaslug": pair.model.permaslug,
        "endpoint_id": pair.endpoint_id,
        "provider_name": pair.host,
        "usage": dollars(charged),
        "byok_usage_inference": dollars(own),
        "requests": requests,
        "byok_requests": byok,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "reasoning_tokens": reasoning,
    }
    return row | {"workspace_id": workspace_id} if workspace_id else row
