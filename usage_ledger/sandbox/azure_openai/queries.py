"""What a request to Azure asks for, read strictly, and how it is refused."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from usage_ledger.sandbox.azure_openai.account import AzureAccount, Resource
from usage_ledger.sandbox.azure_openai.catalogue import METRICS
from usage_ledger.sandbox.kit.queries import parse_instant, parse_whole
from usage_ledger.sandbox.kit.serving import Call, Json, Refusal
from usage_ledger.sandbox.kit.slots import DAY_SLOTS, slot_of

FAULTS = frozenset(
    {
        "metric_error",
        "shorter",
        "gone",
        "no_metrics",
        "no_definitions",
        "no_costs",
        "no_charges",
        "no_role",
        "no_models",
    }
)
"""What a tenant's `faults` may name: a metric that failed in a whole answer; an answer for fewer days; an account that
is listed and gone, or offers the older metrics alone; a role that lacks an action, or none at all; and nothing to
charge: an answer that is a status."""
RETENTION = timedelta(days=93)
NAMESPACE = "Microsoft.CognitiveServices/accounts"
_GRAINS = {"PT15M": 1, "PT30M": 2, "PT1H": 4, "PT6H": 24, "PT12H": 48, "P1D": DAY_SLOTS}
_CLAUSE = re.compile(r"(\w+) eq '([^']*)'")
_MOST_NAMES, _DEFAULT_TOP = 20, 10
AzureCall = Call[AzureAccount]


def refusal(status: int, code: str, message: str) -> Refusal:
    """An error as Resource Manager writes it."""
    return Refusal(status, {"error": {"code": code, "message": message}})


def bad_request(message: str) -> Refusal:
    """An error as Azure Monitor writes some: bare."""
    return Refusal(400, {"code": "BadRequest", "message": message})


def require_action(account: AzureAccount, fault: str, action: str, scope: str) -> None:
    """Refuse what the application's role lacks."""
    if fault in account.faults:
        raise refusal(
            403,
            "AuthorizationFailed",
            f"The client '{account.client_id}' with object id '{account.client_id}' does not have authorization to "
            f"perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, "
            "please refresh your credentials.",
        )


def require_version(call: AzureCall, *versions: str) -> None:
    """Refuse a request without an API version, or with one that the resource type lacks."""
    version = call.params.get("api-version")
    if not version:
        raise refusal(400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required.")
    if version not in versions:
        text = f"No registered resource provider found for API version '{version}'."
        raise refusal(400, "InvalidApiVersionParameter", text)


def subscription_of(call: AzureCall) -> str:
    """The subscription in the path. Refuses one that the token does not see."""
    name: str = call.request.path_params["subscription"]
    if name.lower() not in call.truth.all_subscriptions:
        raise refusal(404, "SubscriptionNotFound", f"The subscription '{name}' could not be found.")
    return name.lower()


def resource_of(call: AzureCall) -> Resource:
    """The account in the path, in any case. Refuses one that is not there."""
    params, subscription = call.request.path_params, subscription_of(call)
    for resource in call.truth.all_resources:
        if resource.subscription == subscription and resource.name == params["name"].lower():
            if "gone" in call.truth.faults and resource == call.truth.all_resources[1]:
                break
            return resource
    text = f"The Resource '{NAMESPACE}/{params['name']}' under resource group '{params['group']}' was not found."
    raise refusal(404, "ResourceNotFound", text)


def paged(call: AzureCall, items: list[Json]) -> Json:
    """A page of a list, and the whole address of the next one."""
    first = parse_whole(call.params.get("$skiptoken", "0"), 0, len(items))
    if first is None:
        raise refusal(400, "InvalidSkipToken", "The skip token is not valid.")
    end = first + call.truth.page
    return {"value": items[first:end], "nextLink": next_link(call, end) if end < len(items) else None}


def next_link(call: AzureCall, first: int) -> str:
    """The address of the page that begins with item `first`."""
    return str(call.request.url.include_query_params(**{"$skiptoken": first}))


class MetricsQuery(NamedTuple):
    """Totals of metrics from `start` to `end` in buckets of `step` slots, split by `split`, of `top` series each."""

    names: tuple[str, ...]
    start: datetime
    end: datetime
    interval: str
    split: tuple[str, ...]
    only: Mapping[str, str]
    top: int

    @classmethod
    def read(cls, call: AzureCall, resource: Resource) -> Self:
        """From the query string; raises `Refusal`."""
        params = call.params
        require_version(call, "2024-02-01")
        if params.get("metricnamespace", NAMESPACE).lower() != NAMESPACE.lower():
            raise bad_request(f"Metric namespace {params['metricnamespace']} is not found.")
        names = _names(params.get("metricnames", ""), resource)
        start, end = _span(params.get("timespan", ""), call.now)
        interval = params.get("interval", "PT1M")
        if interval not in _GRAINS:
            raise bad_request(f"Detected invalid time grain input: {interval}. Supported: {', '.join(_GRAINS)}")
        if params.get("aggregation", "").lower() != "total":
            raise bad_request(f"Aggregation {params.get('aggregation')!r} is not supported for metric {names[0]}.")
        clauses = _clauses(params.get("$filter", ""), names)
        if not clauses and "top" in params:
            raise bad_request("top requires a filter")
        top = parse_whole(params.get("top", str(_DEFAULT_TOP)), 1, 100_000)
        if top is None:
            raise bad_request("top must be a positive whole number")
        split = tuple(name for name, value in clauses if value == "*")
        return cls(names, start, end, interval, split, {n: v for n, v in clauses if v != "*"}, top)

    @property
    def buckets(self) -> list[tuple[int, int]]:
        """The slots of each bucket. They begin where the timespan does, not at midnight."""
        first, last, step = slot_of(self.start), slot_of(self.end), _GRAINS[self.interval]
        return [(slot, min(slot + step, last)) for slot in range(first, last, step)]


def _names(text: str, resource: Resource) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if len(names) > _MOST_NAMES:
        raise bad_request(f"Requested {len(names)} metrics; the most is {_MOST_NAMES}.")
    offered = {name.lower(): name for name, metric in METRICS.items() if resource.kind in metric.kinds}
    unknown = [name for name in names if name.lower() not in offered]
    if unknown:
        raise bad_request(
            f"Failed to find metric configuration for provider: Microsoft.CognitiveServices, resource Type: accounts, "
            f"metric: {unknown[0]}, Valid metrics: {','.join(offered.values())}"
        )
    return tuple(offered[name.lower()] for name in names)


def _span(text: str, now: datetime) -> tuple[datetime, datetime]:
    first, _, last = text.partition("/")
    try:
        start, end = parse_instant(first), parse_instant(last)
    except ValueError:
        start = end = None
    if start is None or end is None or end <= start:
        raise bad_request(f"Invalid timespan: {text!r}")
    if start < now - RETENTION:
        raise bad_request(f"The timespan {text} is out of the Max metrics retention period: 93.00:00:00")
    return start, end


def _clauses(text: str, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """The dimensions of a filter, each with its value. Every metric asked for must have them."""
    clauses = []
    for part in text.split(" and ") if text else []:
        match = _CLAUSE.fullmatch(part)
        if match is None:
            raise bad_request(f"Invalid filter: {part!r}")
        for name in names:
            if match[1].lower() not in {dimension.lower() for dimension in METRICS[name].dimensions}:
                raise bad_request(f"Metric: {name} does not support requested dimension combination: {match[1]}")
        clauses.append((match[1].lower(), match[2]))
    return clauses
