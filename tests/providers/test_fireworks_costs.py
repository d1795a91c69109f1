"""Fireworks' bill lines say what they are for, and its price list becomes prices."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from test_fireworks import GLM, LINE_ITEM, Transformed, changed, summary

Json = dict[str, Any]
LIST = "/v1/serverless/models"
ROUTER = "accounts/fireworks/routers/glm-5p3-fast"
CACHED, UNCACHED, OUTPUT = "LLM input tokens (cached)", "LLM input tokens (uncached)", "LLM output tokens"


@pytest.fixture
def transformed(tmp_path: Path) -> Transformed:
    return Transformed(tmp_path)


def entry(amount: Any = "4.4", sku: str = OUTPUT, unit: Any = "1M tokens", **more: Any) -> Json:
    """An entry of the price list with one price."""
    prices = [{"sku": sku, "amount": amount, "unit": unit}]
    return {"id": GLM, "display_name": "GLM 5.3", "serverless_mode": "default", "pricing": prices} | more


def listing(*entries: Json, **more: Any) -> bytes:
    return json.dumps({"data": entries} | more).encode()


def line(**more: Any) -> Json:
    return summary(changed(LINE_ITEM, **more))


def grouped(key: str, value: str, **more: Any) -> Json:
    second = {"secondaryGroupingKey": "", "secondaryGroupingValue": ""}
    return line(groupingKey=key, groupingValue=value, **second, **more)


@pytest.mark.parametrize(
    ("series", "category", "meter"),
    [
        ("SERVERLESS", CACHED, "cached_input_tokens"),
        ("SERVERLESS", UNCACHED, "uncached_input_tokens"),
        ("SERVERLESS", OUTPUT, "output_tokens"),
        ("SERVERLESS", "Audio Transcription", "audio_seconds"),
        (..., OUTPUT, "output_tokens"),
        ("SERVERLESS", "Text Completion", ""),
        ("DEDICATED_DEPLOYMENT", "Dedicated deployments", "accelerator_seconds"),
        ("DEDICATED_DEPLOYMENT", "GPU", "accelerator_seconds"),
        ("TRAINING", "Fine-tuning", "training_tokens"),
        ("", "Something else", ""),
    ],
)
def test_a_line_says_what_it_charges_for(transformed: Transformed, series: Any, category: str, meter: str) -> None:
    row = transformed(line(series=series, category=category), report="cost").row("cost_daily")
    assert row["meter"] == meter


@pytest.mark.parametrize(
    ("key", "value", "model"),
    [
        ("model_bucket", "GLM 5.3", GLM),
        ("model_bucket", "GLM 6", ""),
        ("model", "whisper-v3", "accounts/fireworks/models/whisper-v3"),
        ("model", "accounts/acme/models/own", "accounts/acme/models/own"),
        ("base_model", "accounts/fireworks/models/qwen3-8b", "accounts/fireworks/models/qwen3-8b"),
        ("accelerator_type", "NVIDIA_H100_80GB", ""),
        ("", "", ""),
    ],
)
def test_a_line_says_its_model(transformed: Transformed, key: str, value: str, model: str) -> None:
    assert transformed(grouped(key, value), report="cost").row("cost_daily")["model"] == model


@pytest.mark.parametrize(
    ("key", "value", "column", "expected"),
    [
        ("accelerator_type", "NVIDIA_H100_80GB", "accelerator", "NVIDIA_H100_80GB"),
        ("deployment_name", "accounts/acme/deployments/ranker-a", "deployment", "ranker-a"),
        ("deployment", "ranker-a", "deployment", "ranker-a"),
        ("is_batch", "true", "batch", "true"),
        ("is_batch", "false", "batch", ""),
    ],
)
def test_a_line_says_its_other_columns(
    transformed: Transformed, key: str, value: str, column: str, expected: str
) -> None:
    assert transformed(grouped(key, value), report="cost").row("cost_daily")[column] == expected
    second = {"secondaryGroupingKey": key, "secondaryGroupingValue": value}
    assert transformed(line(**second), report="cost").row("cost_daily")[column] == expected


def test_training_by_accelerator_is_seconds(transformed: Transformed) -> None:
    sent = grouped("accelerator_type", "NVIDIA_H100_80GB", series="TRAINING", category="Fine-tuning")
    assert transformed(sent, report="cost").row("cost_daily")["meter"] == "accelerator_seconds"


def test_what_a_line_is_for_is_no_part_of_its_identity(transformed: Transformed) -> None:
    """The key is the one that the line had before any of it was resolved."""
    for known in (listing(entry()), listing()):
        transformed.lists[LIST] = known
        row = transformed(line(), report="cost").row("cost_daily")
        assert row["row_key"] == "3dbb490415a9885b85e186d526e4386a"
    assert row["model"] == ""


def test_of_variants_that_share_a_name_the_standard_one_is_meant(transformed: Transformed) -> None:
    fast = entry(serverless_mode="fast", usage_identifier=ROUTER)
    for entries in ((entry(), fast), (fast, entry())):
        transformed.lists[LIST] = listing(*entries)
        assert transformed(line(), report="cost").row("cost_daily")["model"] == GLM


def test_a_variant_with_a_name_of_its_own_has_its_own_id(transformed: Transformed) -> None:
    fast = entry(serverless_mode="fast", usage_identifier=ROUTER, display_name="GLM 5.3 (Fast)")
    transformed.lists[LIST] = listing(entry(), fast)
    row = transformed(line(groupingValue="GLM 5.3 (Fast)"), report="cost").row("cost_daily")
    assert row["model"] == ROUTER


def test_a_name_of_two_models_is_nobodys(transformed: Transformed) -> None:
    transformed.lists[LIST] = listing(entry(), entry(id="accounts/fireworks/models/glm-5p3-v2"))
    assert transformed(line(), report="cost").row("cost_daily")["model"] == ""


# The price list


def prices(transformed: Transformed, *pages: bytes) -> list[tuple[str, ...]]:
    del transformed.lists[LIST]
    listed = transformed(*pages, report="prices").staged.prices
    assert listed is not None
    return [(one.model, one.meter, one.tier, one.currency, one.per, one.amount) for one in listed]


def test_the_price_list_becomes_prices(transformed: Transformed) -> None:
    assert prices(transformed, listing(entry())) == [(GLM, "output_tokens", "standard", "USD", "1000000", "4.4")]
    assert transformed.notes == []


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("0.0075", "USD", "0.0075"),
        (0.0075, "USD", "0.0075"),
        ("0.000000000000000001", "USD", "0.000000000000000001"),
        ({"currencyCode": "EUR", "units": "1", "nanos": 400000000}, "EUR", "1.4"),
        ({"currencyCode": "USD", "nanos": 7500000}, "USD", "0.0075"),
        ("0", "USD", "0"),
    ],
)
def test_an_amount_is_exact_in_each_form(transformed: Transformed, amount: Any, currency: str, expected: str) -> None:
    ((*_, sent_currency, _, sent),) = prices(transformed, listing(entry(amount)))
    assert (sent_currency, Decimal(sent)) == (currency, Decimal(expected))


@pytest.mark.parametrize("amount", ["abc", "", None, True, [], "1e", "0.0000000000000000001"], ids=str)
def test_what_is_no_amount_is_no_price(transformed: Transformed, amount: Any) -> None:
    if amount in ("", None):
        assert prices(transformed, listing(entry(amount))) == []
        return
    with pytest.raises(Exception, match="amount"):
        prices(transformed, listing(entry(amount)))


@pytest.mark.parametrize(
    ("more", "model", "tier"),
    [
        ({}, GLM, "standard"),
        ({"serverless_mode": "standard", "service_tier": "default"}, GLM, "standard"),
        ({"serverless_mode": "priority"}, GLM, "priority"),
        ({"serverless_mode": "priority", "service_tier": "priority", "usage_identifier": GLM}, GLM, "priority"),
        ({"serverless_mode": "default", "service_tier": "priority", "usage_identifier": GLM}, GLM, "priority"),
        ({"serverless_mode": "fast", "usage_identifier": ROUTER}, ROUTER, "standard"),
        ({"serverless_mode": "fast"}, GLM, "fast"),
    ],
)
def test_a_variant_is_a_tier_or_a_model_of_its_own(transformed: Transformed, more: Json, model: str, tier: str) -> None:
    assert prices(transformed, listing(entry(**more))) == [(model, "output_tokens", tier, "USD", "1000000", "4.4")]


def test_an_alias_has_the_price_unless_it_is_on_the_list_itself(transformed: Transformed) -> None:
    other = "accounts/fireworks/models/glm"
    found = prices(transformed, listing(entry(aliases=[other, ROUTER]), entry("8.8", usage_identifier=ROUTER)))
    assert [(model, amount) for model, *_, amount in found] == [(other, "4.4"), (GLM, "4.4"), (ROUTER, "8.8")]


def test_an_unknown_sku_keeps_its_name(transformed: Transformed) -> None:
    assert prices(transformed, listing(entry(sku="Images")))[0][1] == "Images"


@pytest.mark.parametrize("unit", ["1B tokens", "", None, "0"], ids=str)
def test_a_price_for_an_unknown_unit_is_left_out_and_reported(transformed: Transformed, unit: Any) -> None:
    assert prices(transformed, listing(entry(unit=unit), entry("1", CACHED))) == [
        (GLM, "cached_input_tokens", "standard", "USD", "1000000", "1")
    ]
    assert transformed.notes == ["price_left_out"]


def test_two_prices_for_one_thing_are_none_and_reported(transformed: Transformed) -> None:
    assert prices(transformed, listing(entry("4.4"), entry("4.5"), entry("1", CACHED))) == [
        (GLM, "cached_input_tokens", "standard", "USD", "1000000", "1")
    ]
    (note,) = transformed.staged.notes
    assert "4.4 and 4.5" in note.message


def test_pages_of_the_list_are_one_list(transformed: Transformed) -> None:
    pages = listing(entry(), next_page_token="2"), listing(entry("1", CACHED), nextPageToken="")
    assert len(prices(transformed, *pages)) == 2
    assert transformed.notes == []


def test_a_model_without_prices_is_no_broken_list(transformed: Transformed) -> None:
    assert len(prices(transformed, listing(entry(), entry(id="free", pricing=None)))) == 1
