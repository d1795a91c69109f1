"""Faults of an export, one a function: each takes the rows of a file and gives them back with the fault in them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa

Change = Callable[[pa.Table], pa.Table]
COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")


def _set(table: pa.Table, column: str, value: Callable[[dict[str, Any]], Any]) -> pa.Table:
    """The rows with another value in one column, made of the row."""
    kind = table.schema.field(column).type
    values = [value(row) for row in table.to_pylist()]
    return table.set_column(table.schema.get_field_index(column), column, pa.array(values, kind))


def _used(row: dict[str, Any]) -> bool:
    return bool(row["ChargeCategory"] == "Usage" and row["PricingQuantity"])


def list_cost_twice(table: pa.Table) -> pa.Table:
    return _set(table, "ListCost", lambda row: row["ListCost"] * 2 if _used(row) else row["ListCost"])


def no_unit_price(table: pa.Table) -> pa.Table:
    for column in ("ListUnitPrice", "ContractedUnitPrice"):
        table = _set(table, column, lambda row, of=column: None if _used(row) else row[of])
    return table


def six_places(table: pa.Table) -> pa.Table:
    for column in COSTS:
        table = _set(table, column, lambda row, of=column: round(row[of], 6))
    return table


def nested_tags(table: pa.Table) -> pa.Table:
    return _set(table, "Tags", lambda _: '{"team": {"name": "search"}}')


def wrong_parent(table: pa.Table) -> pa.Table:
    return _set(table, "ServiceSubcategory", lambda _: "Relational Databases")


def naive_time(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("ChargePeriodStart")
    return table.set_column(place, "ChargePeriodStart", table.column(place).cast(pa.timestamp("us")))


def word_for_unit(table: pa.Table) -> pa.Table:
    return _set(
        table, "PricingUnit", lambda row: "1M tokens" if row["PricingUnit"] == "1000000 Tokens" else row["PricingUnit"]
    )


def one_price_for_all(table: pa.Table) -> pa.Table:
    return _set(table, "SkuPriceId", lambda row: row["SkuPriceId"] and "price")


def unknown_category(table: pa.Table) -> pa.Table:
    return _set(table, "ServiceCategory", lambda _: "AI")


def negative_price(table: pa.Table) -> pa.Table:
    return _set(
        table, "ContractedUnitPrice", lambda row: row["ContractedUnitPrice"] and -row["ContractedUnitPrice"] - 1
    )


def unknown_currency(table: pa.Table) -> pa.Table:
    return _set(table, "BillingCurrency", lambda _: "US Dollar")


def no_unit(table: pa.Table) -> pa.Table:
    return _set(table, "ConsumedUnit", lambda _: None)


def unknown_charge(table: pa.Table) -> pa.Table:
    return _set(
        table, "ChargeCategory", lambda row: "Refund" if row["ChargeCategory"] == "Credit" else row["ChargeCategory"]
    )


def price_of_tax(table: pa.Table) -> pa.Table:
    return _set(
        table, "PricingQuantity", lambda row: Decimal(1) if row["ChargeCategory"] == "Tax" else row["PricingQuantity"]
    )


def no_column(table: pa.Table) -> pa.Table:
    return table.drop_columns(["BilledCost"])


def use_without_item(table: pa.Table) -> pa.Table:
    return _set(table, "SkuId", lambda _: None)


FAULTS: dict[str, Change] = {
    "`ListCost` twice what price times quantity is": list_cost_twice,
    "use without unit prices": no_unit_price,
    "costs rounded to 6 places": six_places,
    "an object within `Tags`": nested_tags,
    "a `ServiceSubcategory` of another category": wrong_parent,
    "times without a zone": naive_time,
    "`PricingUnit` written `1M tokens`": word_for_unit,
    "one `SkuPriceId` for many `SkuId`s": one_price_for_all,
    "a `ServiceCategory` that does not exist": unknown_category,
    "unit prices below zero": negative_price,
    "a currency that is no code of ISO 4217": unknown_currency,
    "quantities without unit": no_unit,
    "a `ChargeCategory` that does not exist": unknown_charge,
    "tax with a quantity": price_of_tax,
    "no column `BilledCost`": no_column,
    "use without `SkuId`": use_without_item,
}
