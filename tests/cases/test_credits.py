"""OpenRouter's credits: the vendor's only total, read with every digit from what is landed daily."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from kit.answering import Account, Answer
from kit.vendor_rows import WHO

DAY = date(2026, 11, 10)


def run(account: Callable[..., Account], body: bytes) -> Account:
    one = account("openrouter")
    one.server.answers.update({ending: Answer(content) for ending, content in WHO["openrouter"](one.account).items()})
    one.server.answers["/credits"] = Answer(body)
    one.server.answers["/activity"] = Answer({"data": []})
    assert one.run(DAY, reports=("activity", "credits")).failures == []
    return one


@pytest.mark.parametrize("literal", ["1187.4200000000000001", "0", "12", "1.5e2", '"7.25"'])
def test_or_credits_are_stored_exactly(account: Callable[..., Account], literal: str) -> None:
    one = run(account, b'{"data": {"total_credits": 1500.0, "total_usage": ' + literal.encode() + b"}}")
    stored = one.query("SELECT field, of_report, total FROM ops.running_total WHERE connection_id = %s")
    assert stored == [("data/total_usage", "activity", Decimal(literal.strip('"')))]
    assert [kind for kind, severity, _ in one.events() if severity == "warning"] == []


@pytest.mark.parametrize("body", [b'{"data": {"total_credits": 1}}', b'{"data": {"total_usage": null}}', b"{}"])
def test_or_credits_without_a_total_cost_no_usage_and_are_reported(
    account: Callable[..., Account], body: bytes
) -> None:
    one = run(account, body)
    assert one.query("SELECT total FROM ops.running_total WHERE connection_id = %s") == []
    assert one.days("activity") == {DAY: "empty"}
    assert "total_usage" in str(one.events())
