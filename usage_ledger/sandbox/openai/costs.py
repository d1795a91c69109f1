"""OpenAI's costs: money per project, line item and key."""

from decimal import Decimal

from usage_ledger.sandbox.kit.serving import Call, Json
from usage_ledger.sandbox.kit.streams import stable
from usage_ledger.sandbox.openai.account import Charge, OpenAIAccount
from usage_ledger.sandbox.openai.buckets import bucket_page
from usage_ledger.sandbox.openai.queries import BucketQuery

_DIMENSIONS = ("project_id", "line_item", "api_key_id")
_WIDTHS = {"1d": (86400, 7, 180)}


def costs(call: Call[OpenAIAccount]) -> Json:
    """One page of the costs."""
    query = BucketQuery.read(call, _DIMENSIONS, _WIDTHS)

    def result(charge: Charge, amounts: dict[str, int]) -> Json:
        dimensions = {name: charge.values.get(name) if name in query.group_by else None for name in _DIMENSIONS}
        line, money = dimensions["line_item"], Decimal(amounts["pico"]).scaleb(-12)
        # Seen live when grouped by line item: text with many decimals, most of them zeros.
        amount = {"value": f"{money:.17f}" if line and stable(line) % 2 else money, "currency": "usd"}
        unit, per = charge.price[1:] if line else (None, None)
        details = {"quantity": Decimal(amounts["units"]) / per if per else None, "quantity_unit": unit}
        return {"object": "organization.costs.result", "amount": amount, **dimensions, **details}

    return bucket_page(query, call.truth.all_charges, result)
