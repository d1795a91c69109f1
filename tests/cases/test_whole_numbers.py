"""Counts that are whole, in whatever form JSON has for a number; and what is no count in any."""

from collections.abc import Callable
from datetime import date

import pytest
from kit import vendor_rows as vendor
from kit.answering import Account, sample
from kit.vendor_rows import Sent, changed

DAY = date(2026, 11, 10)
COUNTS = [
    (vendor.FIREWORKS, "promptTokens", "input_tokens"),
    (vendor.DEDICATED, "acceleratorSeconds", "accelerator_seconds"),
    (vendor.OPENAI, "input_tokens", "input_tokens"),
    (vendor.ANTHROPIC, "output_tokens", "output_tokens"),
    (vendor.CLAUDE_CODE, "core_metrics/num_sessions", "sessions"),
    (vendor.OPENROUTER, "prompt_tokens", "input_tokens"),
    (vendor.REPLICATE, "metrics/input_token_count", "input_tokens"),
]
each_count = pytest.mark.parametrize(("sent", "path", "column"), COUNTS, ids=[f"{s.report}-{c}" for s, _, c in COUNTS])
Accounts = Callable[..., Account]


def test_counts_of_predictions_with_a_point(account: Accounts) -> None:
    replicate = account("replicate")
    body = sample("re-float-token-counts")
    assert b"48.0" in body
    assert vendor.REPLICATE.load(replicate, body) == []
    assert replicate.usage("requests, input_tokens, output_tokens") == [(1, 48, 212), (1, None, None)]


@each_count
@pytest.mark.parametrize("literal", ["44.0", "4.4e1", "440E-1", "44"])
def test_a_whole_number_loads_in_each_of_its_forms(
    account: Accounts, sent: Sent, path: str, column: str, literal: str
) -> None:
    ours = account(sent.provider)
    assert sent.run(ours, changed(sent.row, path, "@"), literals={"@": literal}) == []
    assert [value for (value,) in ours.usage(column) if value is not None] == [44]


@each_count
def test_a_large_number_with_a_point_is_exact(account: Accounts, sent: Sent, path: str, column: str) -> None:
    ours = account(sent.provider)
    assert sent.run(ours, changed(sent.row, path, "@"), literals={"@": "9007199254740993.0"}) == []
    assert [value for (value,) in ours.usage(column) if value is not None] == [9007199254740993]


@each_count
@pytest.mark.parametrize("literal", ["44.5", "4.45e1", "-44", "-44.0", '" 7"', '"44,0"', "true", '"NaN"', '""'])
def test_what_is_no_count_fails_its_date(account: Accounts, sent: Sent, path: str, column: str, literal: str) -> None:
    ours = account(sent.provider)
    assert len(sent.run(ours, changed(sent.row, path, "@"), literals={"@": literal})) == 1
    assert ours.usage(column) == []
    assert ours.days(sent.report) == {DAY: "failed"}
