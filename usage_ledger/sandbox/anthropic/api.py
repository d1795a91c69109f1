"""Anthropic's Admin API over HTTP: usage, cost, Claude Code, and the lists that name their ids."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams

from usage_ledger.sandbox.anthropic.truth import CODE_DELAY, AnthropicTruth, CodeRecord, Meter, Use
from usage_ledger.sandbox.kit.paging import page_by_id, page_token, parts_of_token
from usage_ledger.sandbox.kit.serving import Call, Endpoint, Json, Refusal, account_of, add_endpoints
from usage_ledger.sandbox.kit.slots import DAY_SLOTS, SLOT, rfc3339, slot_of
from usage_ledger.sandbox.kit.streams import stable

_Call = Call[AnthropicTruth]
_Results = Callable[[int, int], Iterable[Json]]
_Pages = Mapping[str, tuple[timedelta, int, int]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
# Per bucket width: how many buckets a page holds by default, and at most.
_COST_PAGES = {"1d": (timedelta(days=1), 7, 31)}
_USAGE_PAGES = {"1m": (timedelta(minutes=1), 60, 1440), "1h": (timedelta(hours=1), 24, 168), **_COST_PAGES}
_DIMENSIONS = ("account_id", "api_key_id", "workspace_id", "service_account_id", "model")
_ENUMS = {
    "service_tier": ("standard", "batch", "priority", "priority_on_demand", "flex", "flex_discount"),
    "context_window": ("0-200k", "200k-1M"),
    "inference_geo": ("global", "us", "not_available"),
}
# The name of a filter is the plural of its dimension, but for one.
_FILTERS = {f"{name}s[]".replace("windows", "window"): name for name in (*_DIMENSIONS, *_ENUMS)}
_LINE = ("description", "cost_type", "token_type", "model", *_ENUMS, "workspace_id")


def _refusal(status: int, kind: str, message: str) -> Refusal:
    return Refusal(status, {"type": kind, "message": message})


def _invalid(message: str) -> Refusal:
    return _refusal(400, "invalid_request_error", message)


def _authorize(accounts: Mapping[str, AnthropicTruth], request: Request) -> AnthropicTruth:
    sent = request.headers.get("x-api-key", "")
    truth = account_of(accounts, sent)
    if truth is None:
        if sent.startswith("sk-ant-api"):
            raise _refusal(403, "permission_error", "This endpoint requires an Admin API key")
        raise _refusal(401, "authentication_error", "invalid x-api-key" if sent else "x-api-key header is required")
    if request.headers.get("anthropic-version") != "2023-06-01":
        raise _invalid("anthropic-version: header is required")
    return truth


def _instant(params: QueryParams, name: str, rest: str = "") -> datetime:
    text = params.get(name, "") + rest
    if not _RFC3339.fullmatch(text) or not "2000" <= text[:4] <= "2100":
        raise _invalid(f"{name}: Input should be a date and time with a zone, or a date for claude_code")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise _invalid(f"{name}: Input should be a date that exists") from None


def _many(params: QueryParams, name: str, allowed: Collection[str]) -> list[str]:
    entries = list(dict.fromkeys(params.getlist(name)))
    for number, value in enumerate(entries):
        if allowed and value not in allowed:
            raise _invalid(f"{name}.{number}: Input should be one of {', '.join(allowed)}")
    return entries


def _one(params: QueryParams, name: str, allowed: Collection[str], default: str) -> str:
    return (_many(params, name, allowed) or [default])[-1]


def _limit(params: QueryParams, default: int, largest: int) -> int:
    text = params.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= largest):
        raise _invalid(f"limit: Input should be between 1 and {largest}")
    return int(text)


def _read_cursor(params: QueryParams, count: int) -> list[int]:
    """The numbers behind `page`, none on the first page."""
    token = params.get("page")
    if token is None:
        return []
    numbers = [int(part) for part in parts_of_token(token) if part.isdigit()]
    # Only a token that was issued is valid.
    if len(numbers) != count or page_token(*numbers) != token:
        raise _invalid("page: Invalid page token")
    return numbers


def _buckets(params: QueryParams, now: datetime, pages: _Pages, results: _Results) -> Json:
    """One page of the buckets that end by `ending_at`, the running one at the very last."""
    width, default, largest = pages[_one(params, "bucket_width", pages, "1d")]
    limit, start = _limit(params, default, largest), _instant(params, "starting_at")
    first, last = (start - _EPOCH) // width, (now - _EPOCH) // width + 1
    if "ending_at" in params:
        end = _instant(params, "ending_at")
        if end <= start:
            raise _invalid("ending_at: must be after starting_at")
        last = min(last, (end - _EPOCH) // width)
    (first,) = _read_cursor(params, 1) or (first,)
    final = max(min(last, first + limit), first)
    edges = [_EPOCH + number * width for number in range(first, final + 1)]
    # Requests all end in the first minute of their slot, so that buckets of a minute add up to those of an hour.
    slots = [min(-((_EPOCH - edge) // SLOT), slot_of(now)) for edge in edges]
    data: list[Json] = [
        {"starting_at": rfc3339(begin), "ending_at": rfc3339(stop), "results": list(results(low, high))}
        for (begin, low), (stop, high) in pairwise(zip(edges, slots, strict=True))
    ]
    return _paged(data, page_token(final) if final < last else None)


def _paged(data: list[Json], following: str | None) -> Json:
    return {"data": data, "has_more": following is not None, "next_page": following}


def _used(meters: Mapping[str, Meter], low: int, high: int) -> Counter[str]:
    if low >= high:
        return Counter()
    return Counter({name: used for name, meter in meters.items() if (used := meter.until(high) - meter.until(low))})


def _messages(call: _Call) -> Json:
    truth, params, now = call.truth, call.params, call.now
    if len(params.getlist("group_by[]")) > 5:
        raise _invalid("Cannot specify more than 5 group_by[] dimensions")
    group = _many(params, "group_by[]", (*_DIMENSIONS, *_ENUMS))
    if "speeds[]" in params:
        raise _invalid("speeds[]: not available without the beta header")
    allowed_values = {name: _many(params, text, _ENUMS.get(name, ())) for text, name in _FILTERS.items()}

    def matches(use: Use) -> bool:
        # The filter knows the default workspace by its id, which the rows do not have.
        available = {**use.dims, "workspace_id": use.workspace.workspace_id}
        return "model" in use.dims and all(
            available[name] in values for name, values in allowed_values.items() if values
        )

    uses = [use for use in truth.all_uses if matches(use)]

    def results(low: int, high: int) -> Iterable[Json]:
        rows: dict[tuple[str | None, ...], Counter[str]] = {}
        for use in uses:
            if used := _used(use.meters, low, high):
                rows.setdefault(tuple(use.dims[name] for name in group), Counter()).update(used)
        return (_usage_row(dict(zip(group, values, strict=True)), used) for values, used in rows.items())

    return _buckets(params, now, _USAGE_PAGES, results)


def _usage_row(dims: Mapping[str, str | None], used: Counter[str]) -> Json:
    plain = ("uncached_input_tokens", "cache_read_input_tokens", "output_tokens")
    return {
        **{name: dims.get(name) for name in (*_DIMENSIONS, *_ENUMS)},
        **{name: used[name] for name in plain},
        "cache_creation": {name: used[name] for name in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")},
        "server_tool_use": {"web_search_requests": used["web_search_requests"]},
    }


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
    parsed = {field: use.dims[field] for field in ("model", *_ENUMS)}
    return {"description": text, "cost_type": "tokens", "token_type": token_type, **parsed}


def _cents(nanocents: int) -> str:
    text = f"{Decimal(nanocents).scaleb(-9):.9f}"
    return text[:-3] + text[-3:].rstrip("0")


def _cost(call: _Call) -> Json:
    truth, params, now = call.truth, call.params, call.now
    group = _many(params, "group_by[]", ("workspace_id", "description"))

    def results(low: int, high: int) -> Iterable[Json]:
        amounts: Counter[tuple[str | None, ...]] = Counter()
        for use in truth.all_uses:
            for name, used in _used(use.meters, low, high).items():
                if price := use.prices.get(name):
                    line = _line(use, name) if "description" in group else {}
                    line |= {"workspace_id": use.dims["workspace_id"]} if "workspace_id" in group else {}
                    amounts[tuple(map(line.get, _LINE))] += used * price
        for values, amount in amounts.items():
            yield {"amount": _cents(amount), "currency": "USD", **dict(zip(_LINE, values, strict=True))}

    return _buckets(params, now, _COST_PAGES, results)


def _claude_code(call: _Call) -> Json:
    truth, params, now = call.truth, call.params, call.now
    limit, day = _limit(params, 20, 1000), _instant(params, "starting_at", "T00:00:00Z")
    # What is old enough on the first page stays so on the others, however late they are requested.
    slot_limit, offset = _read_cursor(params, 2) or (slot_of(now - CODE_DELAY), 0)
    low, high = min(slot_of(day), slot_limit), min(slot_of(day) + DAY_SLOTS, slot_limit)
    shared: Json = {"date": rfc3339(day), "organization_id": truth.account}
    entries = [shared | row for record in truth.all_records if (row := _code_row(record, low, high))]
    following = page_token(slot_limit, offset + limit) if offset + limit < len(entries) else None
    return _paged(entries[offset : offset + limit], following)


def _code_row(record: CodeRecord, low: int, high: int) -> Json:
    """One record, empty if nothing was done."""
    counts = _used(record.counts, low, high)
    tools = {name: _used(ways, low, high) for name, ways in record.tools.items()}
    models = {name: used for name, parts in record.models.items() if (used := _used(parts, low, high))}
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
        "tool_actions": {tool: {way: used[way] for way in ("accepted", "rejected")} for tool, used in tools.items()},
        "model_breakdown": [_share(name, used, record.digits) for name, used in models.items()],
    }


def _share(model: str, used: Counter[str], digits: int) -> Json:
    amount = Decimal(used["amount"]).scaleb(-digits) if digits else used["amount"]
    tokens = {name: used[name] for name in ("input", "output", "cache_read", "cache_creation")}
    return {"model": model, "tokens": tokens, "estimated_cost": {"currency": "USD", "amount": amount}}


def _listed(params: QueryParams, items: list[Json]) -> Json:
    """One page of a list, after one id or before another."""
    limit, after, before = _limit(params, 20, 1000), params.get("after_id"), params.get("before_id")
    try:
        page = page_by_id(items, limit, after, before)
    except ValueError:
        page = None
    if page is None or (after and before):
        raise _invalid("after_id, before_id: Input should be one id of the list")
    return {"data": page.items, "first_id": page.first_id, "last_id": page.last_id, "has_more": page.has_more}


def _workspaces(call: _Call) -> Json:
    truth, params, now = call.truth, call.params, call.now
    archived, default = (
        _one(params, f"include_{name}", ("true", "false"), "false") for name in ("archived", "default")
    )
    items: list[Json] = []
    for place in truth.all_workspaces:
        ended = rfc3339(place.archived_at) if place.archived_at and place.archived_at <= now else None
        if (ended and archived == "false") or (place.reported is None and default == "false"):
            continue
        head: Json = {"id": place.workspace_id, "type": "workspace", "name": place.name, "display_color": "#2F7A4D"}
        rest: Json = {"created_at": rfc3339(truth.start), "archived_at": ended, "external_key_id": None, "tags": {}}
        geos = {"workspace_geo": "us", "default_inference_geo": "global", "allowed_inference_geos": "unrestricted"}
        items.append({**head, **rest, "compartment_id": None, "data_residency": geos})
    return _listed(params, items)


def _api_keys(call: _Call) -> Json:
    truth, params, now = call.truth, call.params, call.now
    _one(params, "status", ("active", "inactive", "archived", "expired"), "active")
    maker = truth.all_users[0].user_id if truth.all_users else None
    items: list[Json] = []
    for key in (key for key in truth.all_keys if key.created_at <= now):
        home = key.workspace
        status = "archived" if home.archived_at and home.archived_at <= now else "active"
        place = home.workspace_id if key.scoped else None
        facts = {"status": status, "workspace_id": place, "created_by_user_id": maker}
        if any(params.get(name, fact) != fact for name, fact in facts.items()):
            continue
        items.append(
            {
                "id": key.key_id,
                "type": "api_key",
                "name": next(name for name, first, last in key.names if first <= slot_of(now) < last),
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


def _users(call: _Call) -> Json:
    truth, params, now = call.truth, call.params, call.now
    email, items = params.get("email"), []
    for place, user in enumerate(truth.all_users):
        if email in (None, user.email) and not (user.removed_at and user.removed_at <= now):
            role = ("admin", "developer", "claude_code_user")[min(place, 2)]
            who: Json = {"id": user.user_id, "type": "user", "name": user.name, "email": user.email}
            items.append({**who, "role": role, "added_at": rfc3339(truth.start)})
    return _listed(params, items)


def _me(call: _Call) -> Json:
    return {"id": call.truth.account, "type": "organization", "name": call.truth.account.capitalize()}


_ENDPOINTS = {
    "/usage_report/messages": Endpoint(_messages),
    "/cost_report": Endpoint(_cost),
    "/usage_report/claude_code": Endpoint(_claude_code),
    "/me": Endpoint(_me),
    "/workspaces": Endpoint(_workspaces),
    "/api_keys": Endpoint(_api_keys),
    "/users": Endpoint(_users),
}


def _request_id(request: Request) -> str:
    return f"req_011{stable(request.url):016x}"


def _headers(request: Request, _status: int) -> dict[str, str]:
    return {"request-id": _request_id(request)}


def _error(request: Request, refusal: Refusal) -> Json:
    return {"type": "error", "error": refusal.body, "request_id": _request_id(request)}


def anthropic_router(accounts: Mapping[str, AnthropicTruth], now: Callable[[], datetime]) -> APIRouter:
    """The endpoints for `accounts`, each opened by its Admin key; `now` is the service's clock, zone-aware."""
    router = APIRouter(prefix="/v1/organizations")
    add_endpoints(router, _ENDPOINTS, partial(_authorize, accounts), now, headers=_headers, error_body=_error)
    return router
