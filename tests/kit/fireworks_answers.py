"""Answers of Fireworks made by hand: rows as dictionaries, or with literals that no JSON writer would write."""

import json
from datetime import date, timedelta
from typing import Any

Json = dict[str, Any]
DAY = timedelta(days=1)


def bounds(day: date) -> Json:
    return {"startTime": f"{day}T00:00:00Z", "endTime": f"{day + DAY}T00:00:00Z"}


def serverless(day: date, tokens: Any = "7", model: str = "m", key: str = "k", **more: Any) -> Json:
    """A row of serverless use; `more` are fields beside, and `group` more groupings."""
    group = {"model_name": model, "api_key_id": key} | more.pop("group", {})
    return {**bounds(day), "group": group, "promptTokens": tokens, "completionTokens": "1"} | more


def usage(*rows: Json, **more: Any) -> bytes:
    """A `billingUsage` answer of serverless rows; `more` are other fields of it."""
    return json.dumps({"serverlessCosts": rows, "dedicatedCosts": [], "trainingCosts": []} | more).encode()


def with_literal(body: bytes, literal: str, placeholder: str = '"@"') -> bytes:
    """The answer with a literal in a placeholder's place, byte for byte."""
    sent = body.replace(placeholder.encode(), literal.encode("utf-8", "surrogatepass"))
    assert sent != body
    return sent


def money(units: Any, nanos: Any = 0, currency: Any = "USD") -> Json:
    return {"currencyCode": currency, "units": units, "nanos": nanos}


def item(amount: Any, value: str = "m", **more: Any) -> Json:
    return {"category": "Inference", "groupingKey": "model", "groupingValue": value, "totalCost": amount} | more


def summary(day: date, *items: Json) -> bytes:
    """A billing summary of one day, without the range totals."""
    return json.dumps({"usageBuckets": [{**bounds(day), "lineItems": items}]}).encode()
