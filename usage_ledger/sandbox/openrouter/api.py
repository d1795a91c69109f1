"""OpenRouter's management API over HTTP, served from invented accounts."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from operator import add, mul
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams

from usage_ledger.sandbox.kit.serving import Call, Endpoint, Json, Refusal, account_of, add_endpoints, bearer_key
from usage_ledger.sandbox.kit.slots import DAY_SLOTS, slot_of
from usage_ledger.sandbox.kit.totals import midnight
from usage_ledger.sandbox.openrouter.truth import Key, Model, OpenRouterTruth, Pair, Workspace

WINDOW_DAYS = 30
"""How many completed UTC days `/activity` reaches back."""
KEYS_PAGE = 100
PLAIN_KEY = "sk-or-v1-plain"
"""How an ordinary key begins: it may call models and look at itself."""
MODALITIES = ("text", "image", "audio", "embeddings")

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HASH = re.compile(r"[0-9a-f]{64}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LOGGING = ("data_discount_logging", "observability_broadcast", "observability_io_logging")
_OWNER = "user_2ExampleDana0000000000"
_ONE_DAY = timedelta(days=1)
_ROUTER = Model("openrouter/auto", "openrouter/auto", (0, 0, 0), ())


def _refusal(status: int, message: str) -> Refusal:
    return Refusal(status, {"error": {"code": status, "message": message}})


def _days(params: QueryParams, today: date) -> tuple[date, ...]:
    """The days to answer with, the newest first. `today`, which runs, is out of reach."""
    days = tuple(today - number * _ONE_DAY for number in range(1, WINDOW_DAYS + 1))
    if "date" not in params:
        return days
    try:
        day = date.fromisoformat(params["date"] if _DATE.fullmatch(params["date"]) else "")
    except ValueError:
        raise _refusal(400, "date must be a day as YYYY-MM-DD") from None
    if day not in days:
        raise _refusal(400, "Date must be within the last 30 (completed) UTC days")
    return (day,)


def _id(params: QueryParams, name: str, form: re.Pattern[str]) -> str:
    text = params.get(name, "")
    if name in params and not form.fullmatch(text):
        raise _refusal(400, f"{name} is not valid")
    return text


def _whole(params: QueryParams, name: str, default: int, lowest: int, highest: int) -> int:
    text = params.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text) or not lowest <= int(text) <= highest:
        raise _refusal(400, f"{name} must be a whole number from {lowest} to {highest}")
    return int(text)


def _dollars(nanos: int) -> int | Decimal:
    # As JavaScript writes numbers: no zeros at the end, and no point in a whole number.
    whole, rest = divmod(nanos, 10**9)
    return Decimal(nanos).scaleb(-9).normalize() if rest else whole


def _amounts(pair: Pair, first: int, last: int) -> list[int]:
    """Requests, prompt, completion and reasoning tokens, and nanodollars charged to credits and paid by own keys."""
    start, stop = min(first, pair.last), min(last, pair.last)
    meters = (pair.requests, pair.cached, pair.uncached, pair.output, pair.reasoning)
    requests, *used, reasoning = (meter.until(stop) - meter.until(start) for meter in meters)
    costs = (sum(map(mul, used, prices)) for prices in (pair.charged, pair.own))
    return [requests, used[0] + used[1], used[2], reasoning, *costs]


def _costs(pairs: Iterable[Pair], first: int, last: int) -> tuple[int, int]:
    entries = [_amounts(pair, first, last) for pair in pairs]
    return sum(amounts[-2] for amounts in entries), sum(amounts[-1] for amounts in entries)


def _activity(truth: OpenRouterTruth, params: QueryParams, now: datetime) -> Json:
    """Rows per day, model and endpoint (and workspace, if requested), the newest day first; all in one answer."""
    if params.get("group_by", "workspace") != "workspace":
        raise _refusal(400, "group_by must be workspace")
    key, workspace = _id(params, "api_key_hash", _HASH), _id(params, "workspace_id", _UUID)
    user, days = params.get("user_id", ""), _days(params, now.date())
    rows: dict[tuple[date, str, str], tuple[Pair, list[int]]] = {}
    for pair in truth.all_pairs:
        filters = ((key, pair.key.key_hash), (workspace, pair.key.workspace_id), (user, pair.key.creator))
        if any(want and want != have for want, have in filters):
            continue
        for day in days:
            amounts = _amounts(pair, slot_of(midnight(day)), slot_of(midnight(day)) + DAY_SLOTS)
            if any(amounts):
                identity = (day, pair.endpoint_id, pair.key.workspace_id if "group_by" in params else "")
                _, sums = rows.setdefault(identity, (pair, [0] * len(amounts)))
                sums[:] = map(add, sums, amounts)
    newest_first = sorted(rows.items(), key=lambda row: row[0][0], reverse=True)
    return {"data": [_row(day, space, *entries) for (day, _, space), entries in newest_first]}


def _row(day: date, workspace_id: str, pair: Pair, sums: list[int]) -> Json:
    requests, prompt, completion, reasoning, charged, own = sums
    row: Json = {
        "date": f"{day} 00:00:00" if pair.model.stamped else day.isoformat(),
        "model": pair.model.slug,
        "model_permaslug": pair.model.permaslug,
        "endpoint_id": pair.endpoint_id,
        "provider_name": pair.host,
        "usage": _dollars(charged),
        "byok_usage_inference": _dollars(own),
        "requests": requests,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "reasoning_tokens": reasoning,
    }
    return row | {"workspace_id": workspace_id} if workspace_id else row


def _keys(truth: OpenRouterTruth, params: QueryParams, now: datetime) -> Json:
    """One page of a workspace's keys, the newest first. There is no total: a short page is the last."""
    disabled = params.get("include_disabled", "false")
    if disabled not in ("true", "false"):
        raise _refusal(400, "include_disabled must be true or false")
    workspace = _id(params, "workspace_id", _UUID) or truth.all_workspaces[0].workspace_id
    first = _whole(params, "offset", 0, 0, 10**9)
    entries = [
        key
        for key in truth.all_keys
        if key.workspace_id == workspace
        and key.created_at <= now
        and not key.deleted
        and (disabled == "true" or not _is_disabled(key, now))
    ]
    entries.sort(key=lambda key: (key.created_at, key.key_hash), reverse=True)
    return {"data": [_key_resource(truth, key, now) for key in entries[first : first + KEYS_PAGE]]}


def _is_disabled(key: Key, now: datetime) -> bool:
    return key.disabled_at is not None and key.disabled_at <= now


def _usage_fields(pairs: Iterable[Pair], since: date, now: datetime, limit: int | None) -> Json:
    """Dollars of the lifetime and of the running UTC day, week from Monday, and month."""
    today = now.date()
    week, month = today - today.weekday() * _ONE_DAY, today.replace(day=1)
    starts = {"usage": since, "usage_daily": today, "usage_weekly": week, "usage_monthly": month}
    spent = {name: _costs(pairs, slot_of(midnight(start)), slot_of(now)) for name, start in starts.items()}
    return {
        "limit": limit,
        "limit_remaining": limit and _dollars(max(0, limit * 10**9 - spent["usage_monthly"][0])),
        "limit_reset": "monthly" if limit else None,
        "include_byok_in_limit": False,
        **{name: _dollars(charged) for name, (charged, _) in spent.items()},
        **{f"byok_{name}": _dollars(own) for name, (_, own) in spent.items()},
    }


def _written(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds")


def _key_resource(truth: OpenRouterTruth, key: Key, now: datetime) -> Json:
    pairs = [pair for pair in truth.all_pairs if pair.key.key_hash == key.key_hash]
    changes = [moment for moment, _ in key.names[1:]] + ([key.disabled_at] if key.disabled_at else [])
    changed = max((moment for moment in changes if moment <= now), default=None)
    return {
        "hash": key.key_hash,
        "name": [name for moment, name in key.names if moment <= now][-1],
        "label": f"sk-or-v1-{key.key_hash[:3]}...{key.key_hash[-3:]}",
        "disabled": _is_disabled(key, now),
        **_usage_fields(pairs, truth.since, now, key.limit),
        "created_at": _written(key.created_at),
        "updated_at": _written(changed) if changed else None,
        "expires_at": None,
        "creator_user_id": key.creator,
        "workspace_id": key.workspace_id,
    }


def _this_key(call: Call[OpenRouterTruth | None]) -> Json:
    """The key in use. Neither kind has called a model yet."""
    sent, manages, now = bearer_key(call.request), call.truth is not None, call.now
    data: Json = {
        "label": f"sk-or-v1-{sent[9:12]}...{sent[-3:]}",
        **_usage_fields((), now.date(), now, None),
        "is_free_tier": False,
        "is_management_key": manages,
        "is_provisioning_key": manages,
        "expires_at": None,
        "creator_user_id": _OWNER,
        "rate_limit": {"requests": -1, "interval": "10s", "note": "This field is deprecated and safe to ignore."},
    }
    return {"data": data}


def _workspaces(truth: OpenRouterTruth, params: QueryParams, now: datetime) -> Json:
    """One page of the workspaces, with their total."""
    first, size = _whole(params, "offset", 0, 0, 10**9), _whole(params, "limit", 50, 1, 100)
    entries = [workspace for workspace in truth.all_workspaces if workspace.created_at <= now]
    return {"data": [_workspace_resource(one) for one in entries[first : first + size]], "total_count": len(entries)}


def _workspace_resource(workspace: Workspace) -> Json:
    return {
        "id": workspace.workspace_id,
        "name": workspace.name,
        "slug": workspace.slug,
        "description": None,
        "created_by": _OWNER,
        "created_at": workspace.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "updated_at": None,
        **dict.fromkeys(("default_guardrail_id", "default_text_model", "default_image_model", "default_provider_sort")),
        "include_byok_in_budgets": False,
        "io_logging_api_key_ids": None,
        "io_logging_sampling_rate": 1,
        **{f"is_{what}_enabled": False for what in _LOGGING},
    }


def _credits(truth: OpenRouterTruth, _params: QueryParams, now: datetime) -> Json:
    """Lifetime totals. The account tops up by whole thousands before it runs dry."""
    used, _ = _costs(truth.all_pairs, slot_of(midnight(truth.since)), slot_of(now))
    return {"data": {"total_credits": (used // 10**12 + 1) * 1000, "total_usage": _dollars(used)}}


def _models(truth: OpenRouterTruth, params: QueryParams, _now: datetime) -> Json:
    """The catalogue of today, only text models by default; one answer, or pages with a relative link."""
    modalities = params.get("output_modalities", "text").split(",")
    if unknown := [name for name in modalities if name not in (*MODALITIES, "all")]:
        raise _refusal(400, f"unknown output modality: {unknown[0]!r}")
    listed = [model for model in truth.all_models if model.listed]
    entries = [one for one in (*listed, _ROUTER) if "all" in modalities or set(modalities) & set(one.outputs)]
    first, size, link = 0, len(entries), None
    if "offset" in params or "limit" in params:
        first, size = _whole(params, "offset", 0, 0, 10**9), _whole(params, "limit", 500, 1, 1000)
        others = {name: params[name] for name in ("output_modalities",) if name in params}
        if first + size < len(entries):
            link = f"/api/v1/models?{urlencode({**others, 'offset': first + size, 'limit': size})}"
    data = [_model_resource(model) for model in entries[first : first + size]]
    return {"data": data, "links": {"next": link}, "total_count": len(entries)}


def _price(nanos: int) -> str:
    return f"{Decimal(nanos).scaleb(-9).normalize():f}"


def _pricing(model: Model) -> Json:
    if not model.hosts:
        # What a router costs is known once it has chosen: seen as minus one.
        return {"prompt": "-1", "completion": "-1"}
    cached, prompt, completion, twice, thrice = map(_price, (*model.prices, model.prices[1] * 2, model.prices[2] * 3))
    prices: Json = {"prompt": prompt, "completion": completion}
    if model.reasons:
        dearer = {"min_prompt_tokens": 200_000, "prompt": twice, "completion": thrice}
        prices |= {"request": "0", "image": "0", "input_cache_read": cached, "overrides": [dearer]}
    return prices


def _model_resource(model: Model) -> Json:
    return {
        "id": model.slug,
        "canonical_slug": model.permaslug,
        "name": model.slug.replace("/", ": "),
        "created": 1_780_272_000,
        "description": "An invented entry.",
        "context_length": 1_000_000,
        "architecture": {
            "modality": f"text->{'+'.join(model.outputs)}",
            "input_modalities": ["text"],
            "output_modalities": list(model.outputs),
            "tokenizer": "Other",
            "instruct_type": None,
        },
        "pricing": _pricing(model),
        "top_provider": {"context_length": 1_000_000, "max_completion_tokens": 64_000, "is_moderated": False},
        "per_request_limits": None,
        "supported_parameters": ["temperature", "max_tokens", "tools"],
        **dict.fromkeys(("default_parameters", "supported_voices", "knowledge_cutoff", "expiration_date")),
        "links": {"details": f"/api/v1/models/{model.slug}/endpoints"},
    }


def _authorize(accounts: Mapping[str, OpenRouterTruth], request: Request) -> OpenRouterTruth | None:
    """The account that a management key opens; None for an ordinary key."""
    key = bearer_key(request)
    if not key:
        raise _refusal(401, "Missing Authentication header")
    if key.startswith(PLAIN_KEY):
        return None
    truth = account_of(accounts, key)
    if truth is None:
        raise _refusal(401, "User not found.")
    return truth


_Answer = Callable[[OpenRouterTruth, QueryParams, datetime], Json]
_Call = Call[OpenRouterTruth | None]


def _managed(answer: _Answer) -> Endpoint[OpenRouterTruth | None]:
    """An endpoint for management keys alone."""

    def respond(call: _Call) -> Json:
        if call.truth is None:
            raise _refusal(403, "Only management keys can perform this operation")
        return answer(call.truth, call.params, call.now)

    return Endpoint(respond)


_ENDPOINTS = {
    "/key": Endpoint[OpenRouterTruth | None](_this_key),
    "/activity": _managed(_activity),
    "/keys": _managed(_keys),
    "/workspaces": _managed(_workspaces),
    "/credits": _managed(_credits),
    "/models": _managed(_models),
}


def openrouter_router(accounts: Mapping[str, OpenRouterTruth], now: Callable[[], datetime]) -> APIRouter:
    """The API under `/api/v1`. `accounts` maps a management key to the account that it opens; `now` is the clock."""
    router = APIRouter(prefix="/api/v1")
    add_endpoints(router, _ENDPOINTS, partial(_authorize, accounts), now)
    return router
