"""Anthropic's analytics: usage and cost by key and actor, of accounts that have them."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from kit.answering import Account, Answer
from kit.vendor_rows import ANTHROPIC, ANTHROPIC_COST, BOUNDS, WHO

from usage_ledger.pipeline.rebuild import rebuild

Make = Callable[..., Account]
DAY = date(2026, 11, 10)
USAGE, COST = "analytics_usage", "analytics_cost"
PERSON = {"type": "user_actor", "user_id": "user_1", "name": "Dana Roe", "email_address": "dana@example.com"}
GROUP = {"api_key_id": "apikey_1", "workspace_id": "wrkspc_1", "model": "claude-sonnet-5", "speed": "fast"}
COUNTS = {
    "requests": 7,
    "uncached_input_tokens": 1000,
    "cache_read_input_tokens": 300,
    "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 20},
    "output_tokens": 200,
    "server_tool_use": {"web_search_requests": 2},
    "total_tokens": 1570,
}
MONEY = {"amount": "150.000000000000000001", "list_amount": "200", "currency": "USD", "requests": None}
TOKENS = {"cost_type": "tokens", "token_type": "output_tokens"}


def usage(actor: Any = PERSON, **counts: Any) -> Any:
    return {**BOUNDS, "group": {**GROUP, "actor": actor}, "usage": COUNTS | counts}


def answered(account: Make, report: str, *rows: Any, status: int = 200) -> Account:
    one = account("anthropic")
    answers = one.server.answers
    answers.update({ending: Answer(content) for ending, content in WHO["anthropic"](one.account).items()})
    page = {"data": list(rows), "has_more": False, "next_page": None, "data_refreshed_at": "2026-11-28T12:00:00Z"}
    answers[f"/analytics/{report.removeprefix('analytics_')}"] = Answer(page, status)
    return one


def test_anthropic_usage_by_key_and_actor_has_requests_and_no_address(account: Make) -> None:
    one = answered(account, USAGE, usage(), usage({"type": "api_actor", "api_key_id": "apikey_1"}), usage(None))
    assert one.run(DAY, reports=(USAGE,)).failures == []
    counts = (7, 1370, 300, 70, 20, 200, 2)
    assert one.usage(
        "breakdown, user_id, resource, api_key_id, project_id, speed, requests, input_tokens, cached_input_tokens,"
        " cache_write_tokens, cache_write_1h_tokens, output_tokens, web_searches"
    ) == [
        ("", "", "", "apikey_1", "wrkspc_1", "fast", *counts),
        ("", "", "api_actor", "apikey_1", "wrkspc_1", "fast", *counts),
        ("", "user_1", "user_actor", "apikey_1", "wrkspc_1", "fast", *counts),
    ]
    assert b"dana@" not in one.raw()
    assert b"Dana" not in one.raw()
    assert [event for event in one.events() if event[1] == "warning"] == []


def test_anthropic_cost_by_key_and_actor_is_exact_and_has_the_list_amount(account: Make) -> None:
    row = {**BOUNDS, "group": {**GROUP, "actor": PERSON, **TOKENS}, "cost": MONEY}
    one = answered(account, COST, row)
    assert one.run(DAY, reports=(COST,)).failures == []
    assert one.cost("user_id, api_key_id, category, meter, amount, list_amount, breakdown") == [
        ("user_1", "apikey_1", "tokens", "output_tokens", Decimal("1.5"), Decimal(2), "")
    ]


def test_anthropic_total_that_differs_from_its_parts_is_reported(account: Make) -> None:
    one = answered(account, USAGE, usage(total_tokens=1571))
    assert one.run(DAY, reports=(USAGE,)).failures == []
    assert [kind for kind, severity, _ in one.events() if severity == "warning"] == ["totals_differ"]


@pytest.mark.parametrize("report", [USAGE, COST])
def test_anthropic_account_without_analytics_is_green(account: Make, report: str) -> None:
    one = answered(account, report, status=404)
    assert one.run(DAY, reports=(report,)).failures == []
    assert one.run(DAY, reports=(report,)).failures == []
    assert one.server.count(f"/analytics/{report.removeprefix('analytics_')}") == 1
    assert [kind for kind, *_ in one.events()] == ["report_absent"]


def test_anthropic_dates_before_the_analytics_began_are_not_asked_for(account: Make) -> None:
    one = answered(account, USAGE)
    (failure,) = one.run(date(2025, 12, 31), reports=(USAGE,)).failures
    assert "now since 2026-01-01" in str(failure)
    assert one.server.count("/analytics/usage") == 0


def test_anthropic_cursor_that_expired_begins_the_window_again(account: Make) -> None:
    one = answered(account, USAGE)
    first = json.dumps({"data": [usage()], "has_more": True, "next_page": "page_2"}).encode()
    pages = iter([Answer(first), *[Answer({"type": "error"}, 410)] * 20])
    one.server.answers["/analytics/usage"] = lambda _: next(pages)
    (failure,) = one.run(DAY, reports=(USAGE,)).failures
    assert type(failure).__name__ == "ProviderDown"
    assert one.usage("requests") == []


ALL = ("messages", USAGE, "cost", COST)
RECORD = """
SELECT report, sum(input_tokens), NULL FROM marts.daily_usage WHERE connection_id = %s GROUP BY report
UNION ALL
SELECT report, NULL, sum(amount) FROM ledger.cost_daily WHERE connection_id = %s AND breakdown = '' GROUP BY report
ORDER BY report
"""


def both(account: Make) -> Account:
    """An organization whose legacy reports and analytics tell of the same traffic."""
    one = answered(account, USAGE, usage())
    answers = one.server.answers
    row = {**BOUNDS, "group": {**GROUP, "actor": PERSON, **TOKENS}, "cost": MONEY | {"amount": "150"}}
    answers["/analytics/cost"] = Answer({"data": [row], "has_more": False, "next_page": None})
    for legacy in (ANTHROPIC, ANTHROPIC_COST):
        answers[legacy.ending] = Answer(legacy.answer(legacy.row))
    return one


def record(one: Account) -> list[tuple[Any, ...]]:
    return one.query(RECORD, one.connection_id)


def test_anthropic_analytics_are_the_record_whatever_comes_first(account: Make) -> None:
    for order in [*permutations(ALL)][::3]:  # each is first twice, and before and after each other one
        one = both(account)
        for report in order:
            assert one.run(DAY, reports=(report,)).failures == []
        assert record(one) == [(COST, None, Decimal("1.5")), (USAGE, 1370, None)], order
        assert one.usage("report, breakdown") == [(USAGE, ""), ("messages", "messages")]
        assert one.cost("report, breakdown") == [(COST, ""), ("cost", "cost")]
        assert one.query("SELECT meter, old, new FROM ops.restatement WHERE connection_id = %s") == []
        rebuild(one.connection(reports=ALL), None, engine=one.engine, root=one.root)
        assert record(one) == [(COST, None, Decimal("1.5")), (USAGE, 1370, None)]


def test_anthropic_legacy_reports_are_the_record_until_the_account_has_the_analytics(account: Make) -> None:
    one = both(account)
    answers = dict(one.server.answers)
    one.server.answers.update({f"/analytics/{name}": Answer({}, 404) for name in ("usage", "cost")})
    assert one.run(DAY, reports=ALL).failures == []
    assert record(one) == [("cost", None, Decimal("1.5")), ("messages", 1370, None)]
    one.server.answers.update(answers)
    one.query(
        "UPDATE ops.connection_report SET refused_at = refused_at - interval '8 days' WHERE connection_id = %s"
        " RETURNING 1"
    )
    assert one.run(DAY, reports=ALL).failures == []
    assert record(one) == [(COST, None, Decimal("1.5")), (USAGE, 1370, None)]
    one.server.answers["/analytics/usage"] = Answer({"data": "broken"})  # a failed date keeps its rows and the record
    assert one.run(DAY, reports=ALL).failures != []
    assert record(one) == [(COST, None, Decimal("1.5")), (USAGE, 1370, None)]
