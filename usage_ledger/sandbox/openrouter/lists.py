"""OpenRouter's lists: keys, workspaces; the key in use, and the credits."""

from datetime import datetime

from usage_ledger.sandbox.kit.account import is_over, name_at
from usage_ledger.sandbox.kit.serving import Json, bearer_key
from usage_ledger.sandbox.kit.slots import instant_of, midnight, rfc3339, slot_of
from usage_ledger.sandbox.openrouter.account import OWNER, Key, OpenRouterAccount, Workspace
from usage_ledger.sandbox.openrouter.money import costs, dollars, usage_fields
from usage_ledger.sandbox.openrouter.queries import UUID, AnyCall, OpenRouterCall, id_of, refusal, whole

KEYS_PAGE = 100
_LOGGING = ("data_discount_logging", "observability_broadcast", "observability_io_logging")


def keys(call: OpenRouterCall) -> Json:
    """One page of a workspace's keys, the newest first. There is no total: a short page is the last."""
    account, params, now = call.truth, call.params, call.now
    disabled = params.get("include_disabled", "false")
    if disabled not in ("true", "false"):
        raise refusal(400, "include_disabled must be true or false")
    workspace = id_of(params, "workspace_id", UUID) or account.all_workspaces[0].workspace_id
    first = whole(params, "offset", 0, 0, 10**9)
    entries = [
        key
        for key in account.all_keys
        if key.workspace_id == workspace
        and key.created_at <= now
        and not key.deleted
        and (disabled == "true" or not is_over(key.disabled_at, now))
    ]
    entries.sort(key=lambda key: (key.created_at, key.key_hash), reverse=True)
    return {"data": [_key_resource(account, key, now) for key in entries[first : first + KEYS_PAGE]]}


def _written(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds")


def _key_resource(account: OpenRouterAccount, key: Key, now: datetime) -> Json:
    pairs = [pair for pair in account.all_pairs if pair.key.key_hash == key.key_hash]
    changes = [instant_of(name.first) for name in key.names[1:]] + ([key.disabled_at] if key.disabled_at else [])
    changed = max((moment for moment in changes if moment <= now), default=None)
    return {
        "hash": key.key_hash,
        "name": name_at(key.names, now),
        "label": f"sk-or-v1-{key.key_hash[:3]}...{key.key_hash[-3:]}",
        "disabled": is_over(key.disabled_at, now),
        **usage_fields(pairs, account.since, now, key.limit),
        "created_at": _written(key.created_at),
        "updated_at": _written(changed) if changed else None,
        "expires_at": None,
        "creator_user_id": key.creator,
        "workspace_id": key.workspace_id,
    }


def this_key(call: AnyCall) -> Json:
    """The key in use. Neither kind has called a model yet."""
    sent, manages, now = bearer_key(call.request), call.truth is not None, call.now
    data: Json = {
        "label": f"sk-or-v1-{sent[9:12]}...{sent[-3:]}",
        **usage_fields((), now.date(), now, None),
        "is_free_tier": False,
        "is_management_key": manages,
        "is_provisioning_key": manages,
        "expires_at": None,
        "creator_user_id": OWNER,
        "rate_limit": {"requests": -1, "interval": "10s", "note": "This field is deprecated and safe to ignore."},
    }
    return {"data": data}


def workspaces(call: OpenRouterCall) -> Json:
    """One page of the workspaces, with their total."""
    account, params, now = call.truth, call.params, call.now
    first, size = whole(params, "offset", 0, 0, 10**9), whole(params, "limit", 50, 1, 100)
    entries = [workspace for workspace in account.all_workspaces if workspace.created_at <= now]
    return {"data": [_workspace_resource(one) for one in entries[first : first + size]], "total_count": len(entries)}


def _workspace_resource(workspace: Workspace) -> Json:
    return {
        "id": workspace.workspace_id,
        "name": workspace.name,
        "slug": workspace.slug,
        "description": None,
        "created_by": OWNER,
        "created_at": rfc3339(workspace.created_at),
        "updated_at": None,
        **dict.fromkeys(("default_guardrail_id", "default_text_model", "default_image_model", "default_provider_sort")),
        "include_byok_in_budgets": False,
        "io_logging_api_key_ids": None,
        "io_logging_sampling_rate": 1,
        **{f"is_{what}_enabled": False for what in _LOGGING},
    }


def credit(call: OpenRouterCall) -> Json:
    """Lifetime totals. The account tops up by whole thousands before it runs dry."""
    used, _ = costs(call.truth.all_pairs, slot_of(midnight(call.truth.since)), slot_of(call.now))
    return {"data": {"total_credits": (used // 10**12 + 1) * 1000, "total_usage": dollars(used)}}
