"""What an invented AWS account is charged for its models, and Cost Explorer's answers about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from usage_ledger.sandbox.aws_bedrock.account import BedrockAccount, Caller
from usage_ledger.sandbox.aws_bedrock.opened import Opened
from usage_ledger.sandbox.aws_bedrock.queries import refusal, text_of
from usage_ledger.sandbox.kit.serving import Call, Json
from usage_ledger.sandbox.kit.slots import DAY_SLOTS, limit_of, midnight, slot_of

OWN, MARKETPLACE = "Amazon Bedrock", "Claude Sonnet 4.5 (Amazon Bedrock Edition)"
CODES = {"eu-central-1": "EUC1", "us-east-1": "USE1", "us-west-2": "USW2"}
"""How a usage type names a region."""
PRICES = {
    "InputTokenCount": ("input-tokens", 300),
    "TotalInputTokens": ("mantle-input-tokens-standard", 150),
    "OutputTokenCount": ("output-tokens", 1500),
    "TotalOutputTokens": ("mantle-output-tokens-standard", 600),
    "CacheReadInputTokens": ("cache-read-input-token-count", 30),
    "CacheReadInputTokenCount": ("cache-read-input-token-count", 30),
    "CacheWriteInputTokens": ("cache-write-input-token-count", 375),
    "CacheWriteInputTokenCount": ("cache-write-input-token-count", 375),
}
"""By metric: what a usage type says of it, and its price in nano-dollars a token."""
HISTORY = timedelta(days=395)
SCALE = Decimal("1E-9")
Filters = dict[str, frozenset[str]]
"""The values that each dimension may have."""


@dataclass(frozen=True, slots=True)
class Line:
    """One charge of a day."""

    service: str
    record_type: str
    usage_type: str
    amount: Decimal
    quantity: Decimal
    unit: str


def lines_of(account: BedrockAccount, first: int, last: int) -> Iterator[Line]:
    """The charges of the slots `[first, last)`: of use by type, then what is granted and taxed on it."""
    used: dict[tuple[str, str], list[int]] = {}
    for caller in account.callers:
        for name, stream in caller.meters.items():
            tokens = stream.between(first, last)
            if tokens and name in PRICES:
                total = used.setdefault(_place(caller, name), [0, 0])
                total[0] += tokens
                total[1] += tokens * PRICES[name][1]
    totals: dict[str, int] = {}
    for (service, usage_type), (tokens, nanos) in used.items():
        totals[service] = totals.get(service, 0) + nanos
        yield Line(service, "Usage", usage_type, nanos * SCALE, Decimal(tokens).scaleb(-3), "1K tokens")
    for service, nanos in totals.items():
        yield Line(service, "Credit", "Global-Credit", -nanos // 10 * SCALE, Decimal(0), "")
        yield Line(service, "Tax", "", nanos // 13 * SCALE, Decimal(0), "")


def _place(caller: Caller, metric: str) -> tuple[str, str]:
    """The service and usage type: models of other makers are sold by the marketplace, under a name of their own."""
    code = CODES.get(caller.region, caller.region.upper())
    if caller.base_model.startswith("anthropic.claude-sonnet"):
        return MARKETPLACE, f"{code}-MP:{code}_{metric}-Units"
    model = caller.base_model.split(".", 1)[1].split(":")[0]
    return OWN, f"{code}-{model}-{PRICES[metric][0]}"


def dimension_values(call: Call[Opened]) -> Json:
    """The services of a period whose names hold a text."""
    call.truth.require("ce:GetDimensionValues")
    document = call.document
    first, end = _period(call)
    if document.get("Dimension") != "SERVICE":
        raise refusal("ValidationException", "this stand-in knows the values of SERVICE alone")
    text = text_of(document, "SearchString").lower()
    limit = limit_of(call.now)
    low, high = min(slot_of(midnight(first)), limit), min(slot_of(midnight(end)), limit)
    services = {line.service for line in lines_of(call.truth.truth, low, high)} | {"Amazon Simple Storage Service"}
    names = sorted(service for service in services if text in service.lower())
    values = [{"Value": service, "Attributes": {}} for service in names]
    return {"DimensionValues": values, "ReturnSize": len(names), "TotalSize": len(names)}


def cost_and_usage(call: Call[Opened]) -> Json:
    """Charges by day and two groups, of what the filter lets through."""
    call.truth.require("ce:GetCostAndUsage")
    document = call.document
    first, end = _period(call)
    if document.get("Granularity") != "DAILY":
        raise refusal("ValidationException", "this stand-in answers by days")
    groups = document.get("GroupBy") or []
    if len(groups) > 2 or any(group.get("Key") not in _KEYS for group in groups):
        raise refusal("ValidationException", "GroupBy must be at most 2 of SERVICE, RECORD_TYPE, USAGE_TYPE")
    filters = _filters(document.get("Filter"))
    if not set(filters.get("LINKED_ACCOUNT", {call.truth.account_id})) & {call.truth.account_id}:
        filters["SERVICE"] = frozenset()
    days = [first + timedelta(days=number) for number in range((end - first).days)]
    keys = [str(group["Key"]) for group in groups]
    return {
        "GroupDefinitions": groups,
        "ResultsByTime": [_day(call, day, keys, filters, document.get("Metrics") or []) for day in days],
        "DimensionValueAttributes": [],
    }


_KEYS = {"SERVICE": "service", "RECORD_TYPE": "record_type", "USAGE_TYPE": "usage_type"}


def _period(call: Call[Opened]) -> tuple[date, date]:
    try:
        first, end = (date.fromisoformat(call.document["TimePeriod"][name]) for name in ("Start", "End"))
    except (KeyError, TypeError, ValueError):
        raise refusal("ValidationException", "TimePeriod must have Start and End as yyyy-MM-dd") from None
    if first >= end:
        raise refusal("ValidationException", "Start time must be before end time")
    if first < (call.now - HISTORY).date():
        raise refusal("ValidationException", "You haven't enabled historical data beyond 13 months")
    return first, end


def _filters(expression: Any) -> Filters:
    """The values that each dimension may have. Raises `Refusal` for more than a conjunction."""
    if not expression:
        return {}
    if set(expression) == {"And"}:
        values_by_key: Filters = {}
        for one in expression["And"]:
            values_by_key |= _filters(one)
        return values_by_key
    if set(expression) != {"Dimensions"}:
        raise refusal("ValidationException", "this stand-in filters by Dimensions and And alone")
    return {expression["Dimensions"]["Key"]: frozenset(expression["Dimensions"]["Values"])}


def _day(call: Call[Opened], day: date, keys: list[str], filters: Filters, metrics: list[str]) -> Json:
    limit = limit_of(call.now)
    first = slot_of(midnight(day))
    groups: dict[tuple[str, ...], list[Any]] = {}
    for line in lines_of(call.truth.truth, min(first, limit), min(first + DAY_SLOTS, limit)):
        if all(getattr(line, _KEYS[key]) in values for key, values in filters.items() if key in _KEYS):
            place = tuple(getattr(line, _KEYS[key]) or f"No{key.title().replace('_', '')}" for key in keys)
            sums = groups.setdefault(place, [Decimal(0), Decimal(0), line.unit])
            sums[0] += line.amount
            sums[1] += line.quantity
    return {
        "TimePeriod": {"Start": str(day), "End": str(day + timedelta(days=1))},
        "Total": {},
        "Groups": [
            {"Keys": list(place), "Metrics": {name: _metric(name, *sums) for name in metrics}}
            for place, sums in groups.items()
        ],
        "Estimated": True,
    }


def _metric(name: str, amount: Decimal, quantity: Decimal, unit: str) -> Json:
    if name == "UsageQuantity":
        return {"Amount": f"{quantity:f}", "Unit": unit or "N/A"}
    return {"Amount": f"{amount:.10f}", "Unit": "USD"}
