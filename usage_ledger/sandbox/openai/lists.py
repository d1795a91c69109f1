"""OpenAI's lists: projects, their keys, users."""

from collections.abc import Sequence
from datetime import datetime

from starlette.datastructures import QueryParams

from usage_ledger.sandbox.kit.account import is_over, name_at
from usage_ledger.sandbox.kit.paging import page_by_id
from usage_ledger.sandbox.kit.serving import Call, Json
from usage_ledger.sandbox.kit.slots import instant_of, slot_of
from usage_ledger.sandbox.openai.account import ApiKey, Entity, OpenAIAccount
from usage_ledger.sandbox.openai.queries import chosen, integer, refusal


def _listed(params: QueryParams, items: Sequence[Json]) -> Json:
    """One page of a list, as `limit` and `after` ask for."""
    limit, after = integer(params, "limit", 20, 1, 100), params.get("after")
    if after is not None and after not in [item["id"] for item in items]:
        raise refusal(400, f"Invalid 'after': no object with id '{after}'.", "after", "invalid_value")
    page = page_by_id(items, limit, after)
    return {"object": "list", "data": page.items, **page.ends()}


def _seconds(instant: datetime | None) -> int | None:
    return int(instant.timestamp()) if instant else None


def _person(account: OpenAIAccount, user: Entity) -> Json:
    email = f"{user.ident}@{account.account}.example" if user.name else None
    return {"id": user.ident, "name": user.name, "email": email}


def _project(account: OpenAIAccount, project: Entity, now: datetime) -> Json:
    end = project.ended_at if is_over(project.ended_at, now) else None
    times = {"created_at": _seconds(account.start), "archived_at": _seconds(end)}
    named = {"id": project.ident, "object": "organization.project", "name": project.name}
    return {**named, **times, "status": "archived" if end else "active", "external_key_id": None}


def _user(account: OpenAIAccount, user: Entity) -> Json:
    role = "owner" if user == account.all_users[0] else "reader"
    return {"object": "organization.user", **_person(account, user), "role": role, "added_at": _seconds(account.start)}


def _robot(key: ApiKey, now: datetime) -> Json:
    """The service account of a key that is nobody's."""
    return {"id": f"svc_acct_{key.key_id[4:]}", "name": name_at(key.names, now), "role": "member"}


def _api_key(account: OpenAIAccount, key: ApiKey, now: datetime) -> Json:
    name = name_at(key.names, now)
    used = instant_of(min(slot_of(now), key.last) - 1)
    owner = {
        **(_person(account, key.user) if key.user else _robot(key, now)),
        "created_at": _seconds(account.start),
        "role": "member",
    }
    kind = "user" if key.user else "service_account"
    named = {"object": "organization.project.api_key", "id": key.key_id, "name": name}
    times = {"created_at": _seconds(key.created_at), "last_used_at": _seconds(max(used, key.created_at))}
    access = "inactive" if key.user and is_over(key.user.ended_at, now) else "active"
    more = {"owner_project_access": access, "owner": {"type": kind, kind: owner}}
    return {**named, "redacted_value": f"sk-proj-***{key.key_id[-3:]}", **times, **more}


def projects(call: Call[OpenAIAccount]) -> Json:
    params, account, now = call.params, call.truth, call.now
    archived = chosen("include_archived", params.get("include_archived", "false"), ("true", "false"))
    shown = [project for project in account.all_projects if archived == "true" or not is_over(project.ended_at, now)]
    return _listed(params, [_project(account, project, now) for project in shown])


def api_keys(call: Call[OpenAIAccount]) -> Json:
    params, account, now, project = call.params, call.truth, call.now, call.request.path_params["project_id"]
    if project not in {project.ident for project in account.all_projects}:
        raise refusal(404, f"No project found with id '{project}'.", "project_id", "not_found")
    # Without the parameter some keys are hidden: here those whose owner has no access.
    allowed_values = chosen(
        "owner_project_access", params.get("owner_project_access", "active"), ("active", "inactive", "any")
    )
    enabled = [key for key in account.all_keys if key.created_at <= now and not is_over(key.deleted_at, now)]
    items = [_api_key(account, key, now) for key in enabled if key.project.ident == project]
    return _listed(params, [item for item in items if allowed_values in ("any", item["owner_project_access"])])


def service_accounts(call: Call[OpenAIAccount]) -> Json:
    account, now, project = call.truth, call.now, call.request.path_params["project_id"]
    if project not in {project.ident for project in account.all_projects}:
        raise refusal(404, f"No project found with id '{project}'.", "project_id", "not_found")
    keys = [key for key in account.all_keys if key.project.ident == project and key.created_at <= now and not key.user]
    items = [
        {"object": "organization.project.service_account", **_robot(key, now), "created_at": _seconds(account.start)}
        for key in keys
    ]
    return _listed(call.params, items)


def users(call: Call[OpenAIAccount]) -> Json:
    users = [_user(call.truth, user) for user in call.truth.all_users if not is_over(user.ended_at, call.now)]
    return _listed(call.params, users)
