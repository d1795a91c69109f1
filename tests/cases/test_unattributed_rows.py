"""Rows that the vendor attributes to nobody."""

from collections.abc import Callable
from datetime import date

from kit.answering import Account, Answer, sample

DAY = date(2026, 11, 10)


def test_a_row_with_an_empty_key_loads_beside_others(account: Callable[..., Account]) -> None:
    fireworks = account("fireworks", "acme")
    fireworks.server.answers["/users"] = Answer({"users": []})
    body = sample("fw-row-without-api-key").replace(b'"group": {', b'"group": {"api_key_id": "",', 2)
    fireworks.server.answers["/billingUsage"] = Answer(body)
    ran = fireworks.run(DAY, reports=("usage",))
    assert ran.failures == []
    assert fireworks.days("usage") == {DAY: "loaded"}
    assert ("",) in fireworks.usage("api_key_id")
