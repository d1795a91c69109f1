"""Money in the forms that vendors send: many places, no currency, either case, and lines that are alike."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from kit import vendor_rows as vendor
from kit.answering import Account, sample
from kit.vendor_rows import DAY, Sent, changed

Accounts = Callable[..., Account]
DAY_20 = date(2026, 11, 20)
MONEY = [
    (vendor.FIREWORKS_COST, "totalCost", "totalCost/currencyCode"),
    (vendor.OPENAI_COST, "amount/value", "amount/currency"),
    (vendor.ANTHROPIC_COST, "amount", "currency"),
    (vendor.CLAUDE_CODE, "model_breakdown/0/estimated_cost/amount", "model_breakdown/0/estimated_cost/currency"),
]
each_money = pytest.mark.parametrize(("sent", "amount", "currency"), MONEY, ids=[sent.report for sent, *_ in MONEY])


def infos(ours: Account, kind: str) -> list[str]:
    assert {severity for of, severity, _ in ours.events() if of == kind} <= {"info"}
    return [message for of, _, message in ours.events() if of == kind]


def test_a_zero_without_a_currency_has_that_of_the_other_lines(account: Accounts) -> None:
    ours = account("fireworks")
    body = sample("fw-zero-cost-without-currency")
    assert vendor.FIREWORKS_COST.load(ours, body) == []
    assert ours.cost("amount, currency") == [(Decimal(0), "USD"), (Decimal("0.0044"), "USD")]
    assert ours.days("cost") == {DAY: "loaded"}


@pytest.mark.parametrize("total", [None, ..., {}, {"currencyCode": None, "units": None}], ids=str)
def test_a_zero_that_is_no_money_at_all_loads(account: Accounts, total: Any) -> None:
    ours = account("fireworks")
    row = changed(vendor.FIREWORKS_COST.row, "totalCost", total)
    free = changed(row, "unitAmount/nanos", 0) | {"category": "free"}
    other = changed(vendor.FIREWORKS_COST.row, "totalCost/currencyCode", "EUR")
    assert vendor.FIREWORKS_COST.run(ours, other, free) == []
    assert ours.cost("category, amount, currency") == [
        ("LLM output tokens", Decimal("1.5"), "EUR"),
        ("free", Decimal(0), "EUR"),
    ]


@each_money
def test_a_zero_alone_needs_no_currency_and_money_does(
    account: Accounts, sent: Sent, amount: str, currency: str
) -> None:
    ours = account(sent.provider)
    zero = {"units": "0", "nanos": 0} if amount == "totalCost" else 0 if sent is not vendor.ANTHROPIC_COST else "0.00"
    free = changed(sent.row, amount, zero)
    if amount != "totalCost":
        free = changed(free, currency, None)
    assert sent.run(ours, free) == []
    assert ours.cost("amount, currency") == [(Decimal(0), "USD")]
    [failure] = sent.run(ours, changed(sent.row, currency, ""))
    assert "currency is empty" in str(failure)
    assert ours.cost("amount, currency") == [(Decimal(0), "USD")]


@each_money
@pytest.mark.parametrize("code", ["usd", "USD", "Usd"])
def test_a_currency_is_one_in_either_case(account: Accounts, sent: Sent, amount: str, currency: str, code: str) -> None:
    ours = account(sent.provider)
    assert sent.run(ours, changed(sent.row, currency, code)) == []
    [(value, name)] = ours.cost("amount, currency")
    assert (value > 0, name) == (True, "USD")
    assert ours.days(sent.report) == {DAY: "loaded"}


def test_more_places_than_the_ledger_keeps_are_rounded_and_reported(account: Accounts) -> None:
    ours = account("anthropic")
    assert vendor.ANTHROPIC_COST.load(ours, sample("anthropic-cost-many-places"), DAY_20) == []
    assert ours.cost("amount") == [(Decimal("0.001234567890123457"),), (Decimal("1.2378912"),)]
    [message] = infos(ours, "rounded")
    assert message.startswith("1 values of data.results: `amount`")


@pytest.mark.parametrize(
    ("sent", "path", "literal", "expected"),
    [
        (vendor.OPENAI_COST, "amount/value", "0.123456789012345678501234567890123456", "0.123456789012345679"),
        (vendor.OPENAI_COST, "amount/value", '"0E-6176"', "0"),
        (vendor.OPENAI_COST, "amount/value", '"0.0000000000000000005"', "0"),
        (vendor.OPENAI_COST, "amount/value", '"0.0000000000000000015"', "0.000000000000000002"),
        (vendor.ANTHROPIC_COST, "amount", '"-0.00000000000000015"', "-0.000000000000000002"),
        (vendor.OPENROUTER, "usage", "1.0000000000000000005e-1", "0.1"),
        (
            vendor.CLAUDE_CODE,
            "model_breakdown/0/estimated_cost/amount",
            "0.12345678901234567891",
            "0.001234567890123457",
        ),
    ],
)
def test_half_a_place_goes_to_the_even_one(
    account: Accounts, sent: Sent, path: str, literal: str, expected: str
) -> None:
    ours = account(sent.provider)
    assert sent.run(ours, changed(sent.row, path, "@"), literals={"@": literal}) == []
    assert Decimal(expected) in [amount for (amount,) in ours.cost("amount")]
    exact = "E" in literal
    assert bool(infos(ours, "rounded")) is not exact


def test_lines_that_are_alike_are_added_up_and_reported(account: Accounts) -> None:
    ours = account("anthropic")
    assert vendor.ANTHROPIC_COST.load(ours, sample("anthropic-same-cost-line-twice"), DAY_20) == []
    assert ours.cost("amount, currency") == [(Decimal("5.25"), "USD")]
    assert infos(ours, "added_up") == [
        "2 rows of data.results are alike in all that is sent: their amounts are added up"
    ]


@pytest.mark.parametrize("sent", [vendor.FIREWORKS_COST, vendor.OPENAI_COST, vendor.ANTHROPIC_COST, vendor.OPENROUTER])
def test_money_that_comes_in_lines_alike_is_all_loaded(account: Accounts, sent: Sent) -> None:
    ours = account(sent.provider)
    assert sent.run(ours, sent.row, sent.row) == []
    [amount] = [amount for (amount,) in ours.cost("amount") if amount]
    assert amount == 3
    assert infos(ours, "added_up")


def test_a_price_is_not_added_up(account: Accounts) -> None:
    ours, other = account("fireworks"), account("fireworks")
    row = vendor.FIREWORKS_COST.row
    dearer = changed(row, "unitAmount/nanos", 8800)
    assert vendor.FIREWORKS_COST.run(ours, row, row, changed(dearer, "category", "other")) == []
    assert ours.cost("amount, quantity, unit_price") == [
        (Decimal("1.5"), Decimal(1000), Decimal("0.0000088")),
        (Decimal(3), Decimal(2000), Decimal("0.0000044")),
    ]
    assert vendor.FIREWORKS_COST.run(other, row, dearer) == []
    assert other.cost("amount, quantity, unit_price") == [(Decimal(3), Decimal(2000), None)]


def test_requests_of_an_endpoint_that_comes_twice_are_added_up(account: Accounts) -> None:
    ours = account("openrouter")
    assert vendor.OPENROUTER.load(ours, sample("or-same-endpoint-twice")) == []
    assert ours.usage("requests, input_tokens, output_tokens") == [(47, 120310, 9121)]
    assert [amount for (amount,) in ours.cost("amount")] == [Decimal(0), Decimal("0.033")]
    assert infos(ours, "added_up")


@pytest.mark.parametrize("sent", [vendor.FIREWORKS, vendor.DEDICATED, vendor.ANTHROPIC])
def test_rows_of_use_that_conflict_are_an_error(account: Accounts, sent: Sent) -> None:
    ours = account(sent.provider)
    path = {"serverlessCosts": "promptTokens"}.get("", next(k for k in sent.row if "okens" in k or "Seconds" in k))
    value = "7" if sent.provider == "fireworks" else 7
    [failure] = sent.run(ours, sent.row, changed(sent.row, path, value))
    assert "with other values" in str(failure)
    assert ours.days(sent.report) == {DAY: "failed"}


def test_a_line_with_a_price_and_no_amount_is_not_free(account: Accounts) -> None:
    ours = account("fireworks")
    [failure] = vendor.FIREWORKS_COST.run(ours, changed(vendor.FIREWORKS_COST.row, "totalCost", None))
    assert "a quantity and a price, and no amount" in str(failure)


def test_a_cost_under_a_new_name_is_not_taken_for_free(account: Accounts) -> None:
    ours = account("fireworks")
    renamed = changed(vendor.FIREWORKS_COST.row, "totalCost", ...) | {"cost": vendor.FIREWORKS_COST.row["totalCost"]}
    [failure] = vendor.FIREWORKS_COST.run(ours, renamed)
    assert "cost/units" in str(failure)
