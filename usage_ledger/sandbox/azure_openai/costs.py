"""Cost Management: what accounts were charged, by day, account and meter."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from usage_ledger.sandbox.azure_openai.account import AzureAccount, Deployment
from usage_ledger.sandbox.azure_openai.queries import (
    AzureCall,
    next_link,
    refusal,
    require_action,
    require_version,
    subscription_of,
)
from usage_ledger.sandbox.kit.queries import parse_instant, parse_whole
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import DAY_SLOTS, limit_of, midnight, slot_of

CURRENCY = "EUR"
_AI, _STORAGE = "microsoft.cognitiveservices/accounts", "microsoft.storage/storageaccounts"
_LONGEST = timedelta(days=366)
_TEXT, _NUMBER = "String", "Number"
_AMOUNTS = ("Cost", "UsageQuantity")
"""What a query asks the sums of: two at most."""


class Line(NamedTuple):
    """What one day's use of a meter cost an account."""

    day: date
    resource_id: str
    resource_type: str
    meter: str
    amount: Decimal
    quantity: Decimal


def meter_of(one: Deployment, direction: str) -> str:
    """The name of what a deployment's tokens are charged as: model, direction and class, abbreviated."""
    reach = {"Standard": "regnl", "DataZoneStandard": "DZone"}.get(one.sku, "glbl")
    batch = "Batch " if one.sku == "GlobalBatch" else ""
    return f"{one.model.name.replace('-', ' ')} {batch}{direction} {reach} Tokens"


def lines(account: AzureAccount, subscription: str, days: list[date], now: datetime | None = None) -> Iterator[Line]:
    """Each line of the bill, those of other services too."""
    for day in days:
        first = slot_of(midnight(day))
        last = min(first + DAY_SLOTS, limit_of(now))
        for one in account.all_deployments:
            if one.resource.subscription != subscription or first >= last:
                continue
            for (meter, direction), price in zip((("input", "Inp"), ("output", "Outp")), one.model.prices, strict=True):
                stream = one.meters.get(meter)
                if tokens := stream.between(first, last) if stream else 0:
                    amount = Decimal(tokens * price).scaleb(-12)
                    quantity = Decimal(tokens).scaleb(-3)
                    yield Line(day, one.resource.path.lower(), _AI, meter_of(one, direction), amount, quantity)
        if first < last:
            group = f"/subscriptions/{subscription}/resourcegroups/rg-ai/providers"
            yield Line(
                day, f"{group}/{_STORAGE}/files", _STORAGE, "Hot LRS Data Stored", Decimal("0.125"), Decimal("6.25")
            )
            if day.weekday() == 1:
                yield Line(
                    day, _refunded(account, subscription), _AI, "Service refund", Decimal("-0.0100000001"), Decimal(0)
                )


def _refunded(account: AzureAccount, subscription: str) -> str:
    return next(one.path.lower() for one in account.all_resources if one.subscription == subscription)


def costs(call: AzureCall) -> Json | None:
    """One page of a subscription's costs; None where there are none."""
    require_version(call, "2025-03-01")
    subscription = subscription_of(call)
    action = "Microsoft.CostManagement/query/action"
    require_action(call.truth, "no_costs", action, f"/subscriptions/{subscription}")
    days, names, types = _question(call.document)
    if "no_charges" in call.truth.faults:
        return None
    sums: dict[tuple[date, tuple[str, ...]], list[Decimal]] = {}
    for line in lines(call.truth, subscription, days, call.now):
        if not types or line.resource_type in types:
            group = tuple({"ResourceId": line.resource_id, "Meter": line.meter}[name] for name in names)
            amount, quantity = sums.get((line.day, group), (Decimal(), Decimal()))
            sums[line.day, group] = [amount + line.amount, quantity + line.quantity]
    rows = [[*of, int(f"{day:%Y%m%d}"), *group, CURRENCY] for (day, group), of in sums.items()]
    first = parse_whole(call.params.get("$skiptoken", "0"), 0, len(rows))
    if first is None:
        raise refusal(400, "BadRequest", "Invalid skip token.")
    end = first + call.truth.page
    columns = [
        *((name, _NUMBER) for name in (*_AMOUNTS, "UsageDate")),
        *((name, _TEXT) for name in names),
        ("Currency", _TEXT),
    ]
    return {
        "id": f"subscriptions/{subscription}/providers/Microsoft.CostManagement/query/{subscription}",
        "name": subscription,
        "type": "Microsoft.CostManagement/query",
        "location": None,
        "sku": None,
        "eTag": None,
        "properties": {
            "nextLink": next_link(call, end) if end < len(rows) else None,
            "columns": [{"name": name, "type": kind} for name, kind in columns],
            "rows": rows[first:end],
        },
    }


def _question(document: Any) -> tuple[list[date], list[str], list[str]]:
    """The days, the grouping, and the resource types that a query names. Raises `Refusal`."""
    try:
        dataset, period = document["dataset"], document["timePeriod"]
        if document["type"] != "ActualCost" or document["timeframe"] != "Custom" or dataset["granularity"] != "Daily":
            raise KeyError
        if [*dataset["aggregation"].values()] != [{"name": name, "function": "Sum"} for name in _AMOUNTS]:
            raise KeyError
        start, end = parse_instant(period["from"]), parse_instant(period["to"])
        names = [one["name"] for one in dataset["grouping"] if one["type"] == "Dimension"]
        only = dataset.get("filter", {}).get("dimensions")
        types = [one.lower() for one in only["values"]] if only and only["name"] == "ResourceType" else []
    except (KeyError, TypeError, AttributeError, ValueError):
        raise refusal(400, "BadRequest", "Invalid query definition.") from None
    if len(names) > 2 or not set(names) <= {"ResourceId", "Meter"}:
        raise refusal(400, "BadRequest", "Invalid query definition, Dataset is invalid or not supplied: grouping.")
    if start is None or end is None or not timedelta() <= end - start < _LONGEST:
        raise refusal(400, "BadRequest", "Invalid query definition, Time period is invalid.")
    return [start.date() + timedelta(days=n) for n in range((end.date() - start.date()).days + 1)], names, types
