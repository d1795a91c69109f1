"""A further counter of a total that is not sent: added to it, or its date refused."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from kit import vendor_rows as vendor
from kit.answering import Account, sample
from kit.vendor_rows import DAY, Sent, changed

Accounts = Callable[..., Account]
METERS = "input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens, output_tokens"


def test_a_further_lifetime_of_the_cache_is_part_of_the_input(account: Accounts) -> None:
    ours = account("anthropic")
    assert vendor.ANTHROPIC.load(ours, sample("anthropic-new-input-counter"), date(2026, 11, 20)) == []
    assert ours.usage(METERS) == [(2270, 300, 970, 20, 200)]
    assert [kind for kind, *_ in ours.events()] == ["unknown_meter"]


@pytest.mark.parametrize("more", [{"new": None}, {"new": "in words"}, {"new": 0}, {"new": []}])
def test_what_is_no_number_adds_nothing(account: Accounts, more: dict[str, Any]) -> None:
    ours = account("anthropic")
    row = changed(vendor.ANTHROPIC.row, "cache_creation", vendor.ANTHROPIC.row["cache_creation"] | more)
    assert vendor.ANTHROPIC.run(ours, row) == []
    assert ours.usage(METERS) == [(1370, 300, 70, 20, 200)]


def test_a_row_with_a_further_counter_loads_beside_one_without(account: Accounts) -> None:
    ours = account("anthropic")
    plain = changed(vendor.ANTHROPIC.row, "api_key_id", "apikey_2")
    assert vendor.ANTHROPIC.run(ours, changed(vendor.ANTHROPIC.row, "cache_creation/new", 900.0), plain) == []
    assert ours.usage("api_key_id, input_tokens") == [("apikey_1", 2270), ("apikey_2", 1370)]


@pytest.mark.parametrize(
    ("sent", "path", "value"),
    [
        (vendor.ANTHROPIC, "cache_creation/new", -5),
        (vendor.ANTHROPIC, "cache_creation/new", 5.5),
        (vendor.ANTHROPIC, "cache_creation/new", {"us": 5}),
        (vendor.ANTHROPIC, "image_input_tokens", 5),
        (vendor.CLAUDE_CODE, "model_breakdown/0/tokens/cache_creation_1h", 5),
    ],
)
def test_a_counter_that_may_be_missing_from_the_total_fails_its_date(
    account: Accounts, sent: Sent, path: str, value: Any
) -> None:
    ours = account(sent.provider)
    [failure] = sent.run(ours, changed(sent.row, path, value))
    assert path.split("/")[-1] in str(failure)
    assert ours.days(sent.report) == {DAY: "failed"}
