"""Anthropic's lists: workspaces, API keys, users; and the organization."""

from starlette.datastructures import QueryParams

from usage_ledger.sandbox.anthropic.queries import AnthropicCall, invalid, limit, one
from usage_ledger.sandbox.kit.account import is_over, name_at
from usage_ledger.sandbox.kit.paging import page_by_id
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import rfc3339


def _listed(params: QueryParams, items: list[Json]) -> Json:
    """One page of a list, after one id or before another."""
    size, after, before = limit(params, 20, 1000), params.get("after_id"), params.get("before_id")
    try:
        page = page_by_id(items, size, after, before)
    except ValueError:
        page = None
    if page is None or (after and before):
        raise invalid("after_id, before_id: Input should be one id of the list")
    return {"data": page.items, **page.ends()}


def workspaces(call: AnthropicCall) -> Json:
    """One page of the workspaces."""
    account, params, now = call.truth, call.params, call.now
    archived, default = (one(params, f"include_{name}", ("true", "false"), "false") for name in ("archived", "default"))
    items: list[Json] = []
    for place in account.all_workspaces:
        ended = rfc3339(place.archived_at) if place.archived_at and is_over(place.archived_at, now) else None
        if (ended and archived == "false") or (place.reported is None and default == "false"):
            continue
        head: Json = {"id": place.workspace_id, "type": "workspace", "name": place.name, "display_color": "#2F7A4D"}
        rest: Json = {"created_at": rfc3339(account.start), "archived_at": ended, "external_key_id": None, "tags": {}}
        geos = {"workspace_geo": "us", "default_inference_geo": "global", "allowed_inference_geos": "unrestricted"}
        items.append({**head, **rest, "compartment_id": None, "data_residency": geos})
    return _listed(params, items)


def api_keys(call: AnthropicCall) -> Json:
    """One page of the API keys."""
    account, params, now = call.truth, call.params, call.now
    one(params, "status", ("active", "inactive", "archived", "expired"), "active")
    maker = account.all_users[0].user_id if account.all_users else None
    items: list[Json] = []
    for key in (key for key in account.all_keys if key.created_at <= now):
        home = key.workspace
        status = "archived" if is_over(home.archived_at, now) else "active"
        place = home.workspace_id if key.scoped else None
        facts = {"status": status, "workspace_id": place, "created_by_user_id": maker}
        if any(params.get(name, fact) != fact for name, fact in facts.items()):
            continue
        items.append(
            {
                "id": key.key_id,
                "type": "api_key",
                "name": name_at(key.names, now),
                "status": status,
                "partial_key_hint": f"sk-ant-api03-{key.key_id[-7:-4]}...{key.key_id[-4:]}",
                "created_at": rfc3339(key.created_at),
                "expires_at": None,
                "created_by": {"id": maker, "type": "user"},
                "principal": None,
                "scope": {"type": "workspace", "workspace_id": place} if place else {"type": "organization"},
                "workspace_id": home.reported,
            }
        )
    return _listed(params, items)


def users(call: AnthropicCall) -> Json:
    """One page of the users."""
    account, params, now = call.truth, call.params, call.now
    email, items = params.get("email"), []
    for place, user in enumerate(account.all_users):
        if email in (None, user.email) and not is_over(user.removed_at, now):
            role = ("admin", "developer", "claude_code_user")[min(place, 2)]
            who: Json = {"id": user.user_id, "type": "user", "name": user.name, "email": user.email}
            items.append({**who, "role": role, "added_at": rfc3339(account.start)})
    return _listed(params, items)


def me(call: AnthropicCall) -> Json:
    """The organization."""
    return {"id": call.truth.account, "type": "organization", "name": call.truth.account.capitalize()}
