"""OpenAI's organization usage, costs and lists over HTTP, answered from invented accounts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import NamedTuple, Self

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams

from usage_ledger.sandbox.kit.paging import page_by_id, page_token, parts_of_token
from usage_ledger.sandbox.kit.serving import Call, Endpoint, Json, Refusal, account_of, add_endpoints, bearer_key
from usage_ledger.sandbox.kit.slots import instant_of, slot_of
from usage_ledger.sandbox.kit.streams import stable
from usage_ledger.sandbox.openai.truth import OLDER_MODEL, ApiKey, Charge, Entity, OpenAITruth, Use, Values

# One of the things that were summed, standing for their values; the sums.
Row = tuple[Use | Charge, dict[str, int]]

_SLOT_SECONDS = 900
# Seconds in a bucket; buckets in a page by default and at most.
_USAGE_WIDTHS = {"1m": (60, 60, 1440), "1h": (3600, 24, 168), "1d": (86400, 7, 31)}
_COSTS_WIDTHS = {"1d": (86400, 7, 180)}
_CHOICES = {
    "sources": ("image.generation", "image.edit", "image.variation"),
    "sizes": ("256x256", "512x512", "1024x1024", "1792x1792", "1024x1792"),
    "context_levels": ("low", "medium", "high"),
    "batch": ("true", "false"),
}


class Report(NamedTuple):
    """How the rows of one report are named and grouped, and the meters that add up to each of its fields."""

    kind: str
    dimensions: tuple[str, ...]
    fields: dict[str, tuple[str, ...]]


_WHO = ("project_id", "user_id", "api_key_id")
_COMMON = (*_WHO, "model")
_MODALITIES = ("text", "audio", "image")
_CACHED = tuple(f"cached_{modality}" for modality in _MODALITIES)
_REQUESTS = {"num_model_requests": ("requests",)}
_COMPLETIONS: dict[str, tuple[str, ...]] = {
    "input_tokens": (*_MODALITIES, *_CACHED, "cache_write"),
    "input_cached_tokens": _CACHED,
    "input_cache_write_tokens": ("cache_write",),
    "input_uncached_tokens": _MODALITIES,
    **{f"input_{meter}_tokens": (meter,) for meter in (*_MODALITIES, *_CACHED)},
    "output_tokens": tuple(f"output_{modality}" for modality in _MODALITIES),
    **{f"output_{modality}_tokens": (f"output_{modality}",) for modality in _MODALITIES},
    **_REQUESTS,
}
# What a row held before the fields by modality came.
_REQUIRED = ("input_tokens", "output_tokens", "num_model_requests")
_OLDER_FIELDS = (*_REQUIRED, "input_cached_tokens", "input_audio_tokens", "output_audio_tokens")
_INPUT: dict[str, tuple[str, ...]] = {"input_tokens": ("input",), **_REQUESTS}
_CALLS: dict[str, tuple[str, ...]] = {"num_requests": ("calls",)}
_REPORTS = {
    "completions": Report("completions", (*_COMMON, "batch", "service_tier"), _COMPLETIONS),
    "embeddings": Report("embeddings", _COMMON, _INPUT),
    "moderations": Report("moderations", _COMMON, _INPUT),
    "images": Report("images", (*_COMMON, "size", "source"), {"images": ("images",), **_REQUESTS}),
    "audio_speeches": Report("audio_speeches", _COMMON, {"characters": ("characters",), **_REQUESTS}),
    "audio_transcriptions": Report("audio_transcriptions", _COMMON, {"seconds": ("seconds",), **_REQUESTS}),
    "vector_stores": Report("vector_stores", ("project_id",), {"usage_bytes": ("stored",)}),
    "code_interpreter_sessions": Report("code_interpreter_sessions", ("project_id",), {"num_sessions": ("sessions",)}),
    "file_search_calls": Report("file_searches", (*_WHO, "vector_store_id"), _CALLS),
    "web_search_calls": Report("web_searches", (*_COMMON, "context_level"), {**_CALLS, **_REQUESTS}),
}
_COSTS = Report("costs", ("project_id", "line_item", "api_key_id"), {})


def _refusal(status: int, message: str, param: str | None = None, code: str | None = None) -> Refusal:
    """`param` is the parameter at fault."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Refusal(status, {"error": error})


def _integer(params: QueryParams, name: str, default: int | None, low: int, high: int) -> int:
    text = params.get(name)
    if text is None:
        if default is None:
            raise _refusal(400, f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
        return default
    if not (text.removeprefix("-").isdigit() and text.isascii() and len(text) < 15):
        raise _refusal(400, f"Invalid type for '{name}': expected an integer.", name, "invalid_type")
    value = int(text)
    if not low <= value <= high:
        side, sign, edge = ("below_min", ">=", low) if value < low else ("above_max", "<=", high)
        message = f"Invalid '{name}': integer {side.replace('_', ' ')}imum value. Expected a value {sign} {edge}."
        raise _refusal(400, message, name, f"integer_{side}_value")
    return value


def _chosen(name: str, text: str, choices: Iterable[str]) -> str:
    if text not in (available := tuple(choices)):
        listed = ", ".join(f"'{choice}'" for choice in available)
        raise _refusal(400, f"Invalid value: '{text}'. Supported values are: {listed}.", name, "invalid_value")
    return text


def _filters(params: QueryParams, dimensions: Iterable[str]) -> dict[str, tuple[str | bool, ...]]:
    """The values that are let through, by dimension. Parameters of other reports are unknown, so they are ignored."""
    entries: dict[str, tuple[str | bool, ...]] = {}
    for dimension in dimensions:
        name = dimension if dimension == "batch" else f"{dimension}s"
        values = params.getlist(name) if dimension not in ("service_tier", "line_item") else []
        if name in _CHOICES:
            values = [_chosen(name, value, _CHOICES[name]) for value in values]
        if values:
            entries[dimension] = (values[-1] == "true",) if dimension == "batch" else tuple(values)
    return entries


class BucketQuery(NamedTuple):
    """Buckets of `[first, end)` in Unix seconds, at most `limit` of them. `mark` is of everything but the cursor."""

    first: int
    end: int
    width: int
    limit: int
    group_by: tuple[str, ...]
    filters: dict[str, tuple[str | bool, ...]]
    mark: int

    @classmethod
    def read(cls, request: Request, truth: OpenAITruth, report: Report, now: datetime) -> Self:
        """From the query string; raises `Refusal`."""
        params, widths = request.query_params, _COSTS_WIDTHS if report is _COSTS else _USAGE_WIDTHS
        start = _integer(params, "start_time", None, 0, 10**14)
        # Nothing is known of the time after the call: the running bucket ends at it.
        moment = int(now.timestamp())
        end = _integer(params, "end_time", max(moment, start + 1), 0, 10**14)
        if end <= start:
            raise _refusal(400, "Invalid 'end_time': must be after 'start_time'.", "end_time", "invalid_value")
        width, default, most = widths[_chosen("bucket_width", params.get("bucket_width", "1d"), widths)]
        limit = _integer(params, "limit", default, 1, most)
        group_by = dict.fromkeys(_chosen("group_by", name, report.dimensions) for name in params.getlist("group_by"))
        same = sorted(f"{name}={value}" for name, value in params.multi_items() if name != "page")
        mark = stable(truth.seed, truth.account, request.url.path, *same)
        first = _first_of(params["page"], mark) if "page" in params else start // 60 * 60
        filters = _filters(params, report.dimensions)
        return cls(first, min(end, moment), width, limit, tuple(group_by), filters, mark)

    def buckets(self) -> list[tuple[int, int]]:
        """The buckets of this page. The first and the last may be partial."""
        entries: list[tuple[int, int]] = []
        first = self.first
        while first < self.end and len(entries) < self.limit:
            after = min((first // self.width + 1) * self.width, self.end)
            entries.append((first, after))
            first = after
        return entries


def _cursor(first: int, mark: int) -> str:
    return page_token(first, f"{stable(first, mark):x}")


def _first_of(page: str, mark: int) -> int:
    """Where a page begins. A cursor is valid only with the parameters that it was issued for."""
    first, *_ = parts_of_token(page) or ["0"]
    if not first.isdigit() or page != _cursor(int(first), mark):
        raise _refusal(400, "Invalid 'page': the cursor is not valid for this request.", "page", "invalid_value")
    return int(first)


def _totals(source: Use | Charge, slot: int) -> dict[str, int]:
    if isinstance(source, Use):
        return {name: meter.until(slot) for name, meter in source.meters.items()}
    units = sum(meter.until(slot) for meter in source.meters)
    return {"units": units, "pico": units * source.price[0]}


def _rows(sources: Iterable[Use | Charge], query: BucketQuery, whole: bool) -> list[list[Row]]:
    """The rows of each bucket. A quarter of an hour counts where it ends. Parts stay apart in `whole` rows."""
    edges = [(first // _SLOT_SECONDS, after // _SLOT_SECONDS) for first, after in query.buckets()]
    entries: list[dict[tuple[object, ...], Row]] = [{} for _ in edges]
    for source in sources:
        if not all(source.values.get(name) in allowed_values for name, allowed_values in query.filters.items()):
            continue
        part = source.part if whole and isinstance(source, Use) else 0
        identity = (*map(source.values.get, query.group_by), part)
        stored = isinstance(source, Use) and source.report == "vector_stores"
        running = {slot: _totals(source, slot) for slot in {0, *(slot for edge in edges for slot in edge)}}
        for rows, (low, high) in zip(entries, edges, strict=True):
            # Bytes are what is stored at the bucket's end, all else is what came since its start.
            before = running[0 if stored and low < high else low]
            amounts = {name: total - before[name] for name, total in running[high].items()}
            if any(amounts.values()):
                total = rows.setdefault(identity, (source, {}))[1]
                for name, amount in amounts.items():
                    total[name] = total.get(name, 0) + amount
    return [list(rows.values()) for rows in entries]


def _costs_result(charge: Charge, amounts: dict[str, int], dimensions: Values) -> Json:
    line, money = dimensions["line_item"], Decimal(amounts["pico"]).scaleb(-12)
    # Seen live when grouped by line item: text with many decimals, most of them zeros.
    amount = {"value": f"{money:.17f}" if line and stable(line) % 2 else money, "currency": "usd"}
    unit, per = charge.price[1:] if line else (None, None)
    details = {"quantity": Decimal(amounts["units"]) / per if per else None, "quantity_unit": unit}
    return {"object": "organization.costs.result", "amount": amount, **dimensions, **details}


def _result(report: Report, row: Row, group_by: Sequence[str]) -> Json:
    source, amounts = row
    dimensions = {name: source.values.get(name) if name in group_by else None for name in report.dimensions}
    if isinstance(source, Charge):
        return _costs_result(source, amounts, dimensions)
    fields = {name: sum(amounts.get(meter, 0) for meter in meters) for name, meters in report.fields.items()}
    if dimensions.get("model") == OLDER_MODEL:
        fields = {name: fields[name] for name in _OLDER_FIELDS}
    return {"object": f"organization.usage.{report.kind}.result", **fields, **dimensions}


def _buckets(call: Call[OpenAITruth]) -> Json:
    request, truth, now, _ = call
    name = request.path_params.get("report", "")
    report = _REPORTS.get(name) if name else _COSTS
    if report is None:
        raise _refusal(404, f"Invalid URL (GET {request.url.path})")
    query, data = BucketQuery.read(request, truth, report, now), list[Json]()
    whole, last = len(query.group_by) == len(report.dimensions), query.end
    rows = _rows(truth.all_uses[name] if name else truth.all_charges, query, whole)
    for (first, last), entries in zip(query.buckets(), rows, strict=True):
        results = [_result(report, row, query.group_by) for row in entries]
        data.append({"object": "bucket", "start_time": first, "end_time": last, "results": results})
    following = _cursor(last, query.mark) if last < query.end else None
    return {"object": "page", "data": data, "has_more": following is not None, "next_page": following}


def _listed(params: QueryParams, items: Sequence[Json]) -> Json:
    """One page of a list, as `limit` and `after` ask for."""
    limit, after = _integer(params, "limit", 20, 1, 100), params.get("after")
    if after is not None and after not in [item["id"] for item in items]:
        raise _refusal(400, f"Invalid 'after': no object with id '{after}'.", "after", "invalid_value")
    page = page_by_id(items, limit, after)
    ends = {"first_id": page.first_id, "last_id": page.last_id, "has_more": page.has_more}
    return {"object": "list", "data": page.items, **ends}


def _seconds(instant: datetime | None) -> int | None:
    return int(instant.timestamp()) if instant else None


def _over(end: datetime | None, now: datetime) -> bool:
    return end is not None and end <= now


def _person(truth: OpenAITruth, user: Entity) -> Json:
    email = f"{user.ident}@{truth.account}.example" if user.name else None
    return {"id": user.ident, "name": user.name, "email": email}


def _project(truth: OpenAITruth, project: Entity, now: datetime) -> Json:
    end = project.ended_at if _over(project.ended_at, now) else None
    times = {"created_at": _seconds(truth.born), "archived_at": _seconds(end)}
    named = {"id": project.ident, "object": "organization.project", "name": project.name}
    return {**named, **times, "status": "archived" if end else "active", "external_key_id": None}


def _user(truth: OpenAITruth, user: Entity) -> Json:
    role = "owner" if user == truth.all_users[0] else "reader"
    return {"object": "organization.user", **_person(truth, user), "role": role, "added_at": _seconds(truth.born)}


def _api_key(truth: OpenAITruth, key: ApiKey, now: datetime) -> Json:
    name = [name for since, name in key.names if since <= now][-1]
    used = instant_of(min(slot_of(now), key.last) - 1)
    robot: Json = {"id": f"svc_acct_{key.key_id[4:]}", "name": name}
    owner = {**(_person(truth, key.user) if key.user else robot), "created_at": _seconds(truth.born), "role": "member"}
    kind = "user" if key.user else "service_account"
    named = {"object": "organization.project.api_key", "id": key.key_id, "name": name}
    times = {"created_at": _seconds(key.created_at), "last_used_at": _seconds(max(used, key.created_at))}
    access = "inactive" if key.user and _over(key.user.ended_at, now) else "active"
    more = {"owner_project_access": access, "owner": {"type": kind, kind: owner}}
    return {**named, "redacted_value": f"sk-proj-***{key.key_id[-3:]}", **times, **more}


def _projects(call: Call[OpenAITruth]) -> Json:
    params, truth, now = call.params, call.truth, call.now
    archived = _chosen("include_archived", params.get("include_archived", "false"), ("true", "false"))
    shown = [project for project in truth.all_projects if archived == "true" or not _over(project.ended_at, now)]
    return _listed(params, [_project(truth, project, now) for project in shown])


def _api_keys(call: Call[OpenAITruth]) -> Json:
    params, truth, now, project = call.params, call.truth, call.now, call.request.path_params["project_id"]
    if project not in {project.ident for project in truth.all_projects}:
        raise _refusal(404, f"No project found with id '{project}'.", "project_id", "not_found")
    # Without the parameter some keys are hidden: here those whose owner has no access.
    allowed_values = _chosen(
        "owner_project_access", params.get("owner_project_access", "active"), ("active", "inactive", "any")
    )
    enabled = [key for key in truth.all_keys if key.created_at <= now and not _over(key.deleted_at, now)]
    items = [_api_key(truth, key, now) for key in enabled if key.project.ident == project]
    return _listed(params, [item for item in items if allowed_values in ("any", item["owner_project_access"])])


def _users(call: Call[OpenAITruth]) -> Json:
    users = [_user(call.truth, user) for user in call.truth.all_users if not _over(user.ended_at, call.now)]
    return _listed(call.params, users)


def _authorize(accounts: Mapping[str, OpenAITruth], request: Request) -> OpenAITruth:
    key = bearer_key(request)
    if not key:
        raise _refusal(401, "You didn't provide an API key in an Authorization header using Bearer auth.")
    if key.startswith("sk-proj-"):
        message = "You have insufficient permissions for this operation. Missing scopes: api.usage.read."
        raise _refusal(403, message)
    truth = account_of(accounts, key)
    if truth is None:
        raise _refusal(401, "Incorrect API key provided.", None, "invalid_api_key")
    return truth


def _headers(request: Request, _status: int) -> dict[str, str]:
    return {"x-request-id": f"req_{stable(request.url.path, request.url.query):016x}"}


_ENDPOINTS = {
    "/usage/{report}": Endpoint(_buckets),
    "/costs": Endpoint(_buckets),
    "/projects": Endpoint(_projects),
    "/projects/{project_id}/api_keys": Endpoint(_api_keys),
    "/users": Endpoint(_users),
}


def openai_router(accounts: Mapping[str, OpenAITruth], now: Callable[[], datetime]) -> APIRouter:
    """The organization endpoints for `accounts`, by the admin key that opens each. `now` is the service's clock."""
    router = APIRouter(prefix="/v1/organization")
    add_endpoints(router, _ENDPOINTS, partial(_authorize, accounts), now, headers=_headers)
    return router
