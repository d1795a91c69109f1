"""Counts that a row lacks: 0 where the format writes no zeros, null where not metered, never a new name's value."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from kit import vendor_rows as vendor
from kit.answering import Account, sample
from kit.vendor_rows import Sent, changed

DAY = date(2026, 11, 10)
Accounts = Callable[..., Account]


def kinds(ours: Account) -> set[tuple[str, str]]:
    return {(kind, severity) for kind, severity, _ in ours.events()}


def test_a_row_of_another_kind_without_output_loads_beside_others(account: Accounts) -> None:
    fireworks = account("fireworks")
    assert vendor.FIREWORKS.load(fireworks, sample("fw-no-completion-tokens")) == []
    assert fireworks.usage("input_tokens, output_tokens") == [(1000, 0), (1000, 250)]
    assert kinds(fireworks) == {("absent_zero", "info")}


def test_reasoning_that_is_null_is_not_metered(account: Accounts) -> None:
    ours = account("openrouter")
    assert vendor.OPENROUTER.load(ours, sample("or-reasoning-null")) == []
    assert ours.usage("requests, input_tokens, output_tokens, reasoning_tokens") == [(44, 120300, 9120, None)]
    assert [str(amount) for (amount,) in ours.cost("amount")] == ["0E-18", "0.031000000000000000"]


@pytest.mark.parametrize("value", [None, ...], ids=["null", "absent"])
@pytest.mark.parametrize(
    ("sent", "path", "column", "expected"),
    [
        (vendor.FIREWORKS, "promptTokens", "input_tokens", 0),
        (vendor.FIREWORKS, "completionTokens", "output_tokens", 0),
        (vendor.DEDICATED, "acceleratorSeconds", "accelerator_seconds", 0),
        (vendor.OPENROUTER, "reasoning_tokens", "reasoning_tokens", None),
        (vendor.REPLICATE, "metrics/input_token_count", "input_tokens", None),
        (vendor.OPENAI, "input_tokens", "input_tokens", ...),
        (vendor.ANTHROPIC, "output_tokens", "output_tokens", ...),
        (vendor.ANTHROPIC, "cache_creation/ephemeral_5m_input_tokens", "input_tokens", ...),
        (vendor.OPENROUTER, "prompt_tokens", "input_tokens", ...),
        (vendor.CLAUDE_CODE, "core_metrics/num_sessions", "sessions", ...),
    ],
)
def test_what_a_vendor_leaves_out_is_what_its_declaration_says(
    account: Accounts, sent: Sent, path: str, column: str, expected: Any, value: Any
) -> None:
    """`...`: the vendor always sends it, so a row without it fails its date."""
    ours = account(sent.provider)
    failures = sent.run(ours, changed(sent.row, path, value))
    assert len(failures) == (expected is ...)
    assert [cell for (cell,) in ours.usage(column)] == ([] if expected is ... else [expected])


@pytest.mark.parametrize(
    ("sent", "path", "name"),
    [
        (vendor.FIREWORKS, "completionTokens", "outputTokens"),
        (vendor.FIREWORKS, "completionTokens", "generated"),
        (vendor.FIREWORKS, "promptTokens", "counts"),
        (vendor.DEDICATED, "acceleratorSeconds", "gpuSeconds"),
        (vendor.DEDICATED, "acceleratorSeconds", "acceleratorMillis"),
        (vendor.OPENROUTER, "reasoning_tokens", "reasoning_token_count"),
        (vendor.OPENROUTER, "reasoning_tokens", "reasoningTokensV2"),
        (vendor.REPLICATE, "metrics/input_token_count", "metrics/input_tokens"),
    ],
)
def test_a_count_under_a_new_name_is_not_taken_for_absent(account: Accounts, sent: Sent, path: str, name: str) -> None:
    ours = account(sent.provider)
    good, renamed = sent.row, changed(changed(sent.row, path, ...), name, {"total": "7"} if name == "counts" else "7")
    renamed |= {"id": "another"} if sent.provider == "replicate" else {}
    [failure] = sent.run(ours, good, renamed)
    assert path.replace("/", ".") in str(failure)
    assert name in str(failure)
    assert ours.days(sent.report) == {DAY: "failed"}


@pytest.mark.parametrize("more", [{"imageCount": 3}, {"latencyMillis": 12.5}, {"flexTokens": 0}, {"note": "7 left"}])
def test_a_new_field_that_counts_in_another_kind_is_news_and_no_new_name(
    account: Accounts, more: dict[str, Any]
) -> None:
    ours = account("fireworks")
    assert vendor.FIREWORKS.run(ours, changed(vendor.SERVERLESS, "completionTokens", ...) | more) == []
    assert ours.usage("input_tokens, output_tokens") == [(1000, 0)]
    assert ("absent_zero", "info") in kinds(ours)


def test_a_new_metric_of_an_open_object_is_news_and_no_new_name(account: Accounts) -> None:
    ours = account("replicate")
    row = changed(vendor.REPLICATE.row, "metrics", {"predict_time": 2, "video_output_frame_count": 120})
    assert vendor.REPLICATE.run(ours, row) == []
    assert ours.usage("requests, videos, images") == [(1, None, None)]
    assert kinds(ours) == {("unknown_meter", "warning")}


def test_a_row_that_counts_only_what_is_not_declared_is_refused(account: Accounts) -> None:
    ours = account("fireworks")
    row = {key: value for key, value in vendor.SERVERLESS.items() if not key.endswith("Tokens")}
    [failure] = vendor.FIREWORKS.run(ours, row | {"imageCount": 3})
    assert "has no meter value" in str(failure)


def test_audio_with_the_noise_of_a_float_is_no_news(account: Accounts) -> None:
    fireworks = account("fireworks")
    assert vendor.FIREWORKS.load(fireworks, sample("fw-audio-row-with-zeros")) == []
    [(seconds, *tokens)] = fireworks.usage("audio_seconds, input_tokens, output_tokens")
    assert (str(seconds), tokens) == ("734.180000000", [0, 0])
    assert fireworks.events() == []


@pytest.mark.parametrize("value", [None, ...], ids=["null", "absent"])
@pytest.mark.parametrize(
    ("sent", "path", "usage"),
    [
        (vendor.OPENROUTER, "byok_usage_inference", [(44,)]),
        (vendor.CLAUDE_CODE, "model_breakdown/0/estimated_cost", [(None,), (None,)]),
    ],
    ids=["activity", "claude_code"],
)
def test_an_estimate_that_is_not_given_costs_nothing_else(
    account: Accounts, sent: Sent, path: str, usage: list[tuple[Any, ...]], value: Any
) -> None:
    ours = account(sent.provider)
    assert sent.run(ours, changed(sent.row, path, value)) == []
    assert ours.usage("requests") == usage
    assert ours.query("SELECT basis FROM ledger.cost_daily WHERE connection_id = %s AND basis = 'estimated'") == []
    assert kinds(ours) == {("left_out", "info")}


def test_money_under_a_new_name_is_not_taken_for_money_that_is_not_given(account: Accounts) -> None:
    ours = account("openai")
    row = changed(vendor.OPENAI_COST.row, "amount", ...)
    assert vendor.OPENAI_COST.run(ours, vendor.OPENAI_COST.row, row) == []
    assert kinds(ours) == {("left_out", "warning")}
    [failure] = vendor.OPENAI_COST.run(ours, vendor.OPENAI_COST.row, row | {"cost": {"value": "1.50"}})
    assert "amount.value" in str(failure)
    assert [str(amount) for (amount,) in ours.cost("amount")] == ["1.500000000000000000"]
