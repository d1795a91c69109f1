"""What each line of a bill is for: the columns that a provider's rules read from its texts, and the rows' identity."""

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from kit.filled_ledger import fill_ledger
from sqlalchemy import Engine

from usage_ledger.model.dimension import Derived
from usage_ledger.providers import PROVIDERS
from usage_ledger.reading.dimensions import derived_columns, resolve, text_column
from usage_ledger.reading.layout import decode
from usage_ledger.reading.nested import rows_of

DAY = date(2026, 11, 17)
COLUMNS = ("model", "meter", "service_tier", "batch", "region", "context_window", "variant", "unit", "charge_category")


def columns_of(provider: str, report_name: str, row: dict[str, Any], **labels: str) -> dict[str, str]:
    """The columns of one row of a bill that are not blank."""
    report = PROVIDERS[provider].report(report_name)
    row_set = next(one for one in report.row_sets if one.table == "cost_daily")
    document: Any = row
    for name in reversed(row_set.path.split("/")):
        document = {name: [document]}
    decoded, _ = decode(report, json.dumps(document).encode())
    [rows] = [rows_of(report, row_set, decoded, labels)]
    others = {
        one.column: resolve(text_column(rows, one), one, {})
        for one in row_set.dimensions
        if not isinstance(one, Derived)
    }
    constants = dict(row_set.constants)
    found = constants | {
        name: column.to_pylist()[0] for name, column in (others | derived_columns(rows, others, constants)).items()
    }
    return {name: found[name] for name in COLUMNS if found.get(name) and (name, found[name]) != USE}


USE = ("charge_category", "Usage")
OPENAI = {
    "gpt-5.5-2026-04-23, input": ("gpt-5.5-2026-04-23", "uncached_input_tokens"),
    "gpt-4o-mini-2024-07-18, cached input": ("gpt-4o-mini-2024-07-18", "cached_input_tokens"),
    "ft-gpt-4o-2024-08-06, output": ("ft-gpt-4o-2024-08-06", "output_tokens"),
    "gpt-5-mini-2025-08-07 batch, output": ("gpt-5-mini-2025-08-07", "output_tokens", "", "true"),
    "batch | gpt-5-mini-2025-08-07, input": ("gpt-5-mini-2025-08-07", "uncached_input_tokens", "", "true"),
    "priority | gpt-5.6-sol, output, long context": ("gpt-5.6-sol", "output_tokens", "priority", "", "", "long"),
    "flex | gpt-5.6-sol, cached input": ("gpt-5.6-sol", "cached_input_tokens", "flex"),
    "gpt-5.6-sol priority, input": ("gpt-5.6-sol", "uncached_input_tokens", "priority"),
    "gpt-audio-mini-2025-12-15 audio, input": ("gpt-audio-mini-2025-12-15", "audio_input_tokens"),
    "gpt-realtime-2025-08-28 audio, cached input": ("gpt-realtime-2025-08-28", "cached_audio_input_tokens"),
    "gpt-realtime-2025-08-28 audio, output": ("gpt-realtime-2025-08-28", "audio_output_tokens"),
    "gpt-image-2.5-sunburst text, cached input": ("gpt-image-2.5-sunburst", "cached_input_tokens"),
    "gpt-image-2.5-flare image, input": ("gpt-image-2.5-flare", "image_input_tokens"),
    "gpt-image-2.5-flare image, cached input": ("gpt-image-2.5-flare", "cached_image_input_tokens"),
    "gpt-image-2.5-flare image, output": ("gpt-image-2.5-flare", "image_output_tokens"),
    "gpt-4.1-2025-04-14, fine-tuning training": ("gpt-4.1-2025-04-14", "training_tokens"),
    "dall-e-3, 1024x1024": ("dall-e-3", "images", "", "", "", "", "1024x1024"),
    "dall-e-3, hd, 1024x1792": ("dall-e-3", "images", "", "", "", "", "1024x1792"),
    "tts-1, characters": ("tts-1", "characters"),
    "whisper-1, duration": ("whisper-1", "audio_seconds"),
    "sora-2, duration": ("sora-2", "video_seconds"),
    "text-embedding-3-small, input": ("text-embedding-3-small", "uncached_input_tokens"),
    "web search tool calls": ("", "web_searches"),
    "file search tool calls": ("", "tool_calls"),
    "code interpreter sessions": ("", "sessions"),
    "file search storage": ("", "storage_byte_hours"),
    "Vector storage": ("", "storage_byte_hours"),
    "gpt-9, dreams": ("gpt-9",),
    "Scale Tier bundle": (),
    "Promotional credit": (),
    "": (),
}
AWS = {
    "EUC1-qwen3-32b-v1-input-tokens": ("qwen3-32b-v1", "uncached_input_tokens", "standard", "", "eu-central-1"),
    "USE1-Qwen3-32B-input-tokens-flex": ("Qwen3-32B", "uncached_input_tokens", "flex", "", "us-east-1"),
    "USE1-NovaPro-output-tokens-priority": ("NovaPro", "output_tokens", "priority", "", "us-east-1"),
    "USE1-NovaMicro-input-tokens-batch": ("NovaMicro", "uncached_input_tokens", "batch", "true", "us-east-1"),
    "USE1-NovaPro-input-tokens-latency-optimized": (
        *("NovaPro", "uncached_input_tokens", "latency_optimized", "", "us-east-1"),
    ),
    "USE1-qwen.qwen3-32b-mantle-output-tokens-standard": (
        *("qwen.qwen3-32b", "output_tokens", "standard", "", "us-east-1"),
    ),
    "EUC1-Nova2.0Lite-cache-read-input-token-count": (
        *("Nova2.0Lite", "cached_input_tokens", "standard", "", "eu-central-1"),
    ),
    "EUN1-NovaLite-cache-write-input-token-count": (*("NovaLite", "cache_write_tokens", "standard", "", "eu-north-1"),),
    "APS3-NovaLite-input-tokens-cross-region-global": (
        *("NovaLite", "uncached_input_tokens", "standard", "", "ap-south-1", "", "global"),
    ),
    "XYZ9-NovaLite-input-tokens": ("NovaLite", "uncached_input_tokens", "standard"),
    "USE1-TitanEmbeddingsG1-Image-input-image": ("", "", "", "", "us-east-1"),
    "USE1-NovaPro-ProvisionedThroughput-NoCommit-ModelUnits": ("", "", "", "", "us-east-1"),
    "NoUsageType": (),
}
SOLD = {
    "EUC1-MP:EUC1_InputTokenCount-Units": ("uncached_input_tokens", "standard", "", "eu-central-1"),
    "EUC1-MP:EUC1_CacheReadInputTokens-Units": ("cached_input_tokens", "standard", "", "eu-central-1"),
    "USW2-MP:USW2_CacheReadInputTokenCount_Global-Units": (
        *("cached_input_tokens", "standard", "", "us-west-2", "", "global"),
    ),
    "USW2-MP:USW2_cache_read_tokens_global_standard-Units": (
        *("cached_input_tokens", "standard", "", "us-west-2", "", "global"),
    ),
    "USW2-MP:USW2_input_tokens_standard-Units": ("uncached_input_tokens", "standard", "", "us-west-2"),
    "USE1-MP:USE1_CacheWriteInputTokenCount-Units": ("cache_write_tokens", "standard", "", "us-east-1"),
    "USE1-MP:USE1_CacheWrite1hInputTokenCount-Units": ("cache_write_1h_tokens", "standard", "", "us-east-1"),
    "USE1-MP:USE1_OutputTokenCount_Batch-Units": ("output_tokens", "batch", "true", "us-east-1"),
    "USE2_OutputTokenCount-Units": ("output_tokens", "standard", "", "us-east-2"),
    "USE1-MP:USE1_search_units-Units": ("", "", "", "us-east-1"),
    "Global-Credit": (),
}
AZURE = {
    "gpt 4.1 Inp glbl Tokens": ("gpt 4.1", "uncached_input_tokens", "GlobalStandard"),
    "gpt 4.1 Outp DZone Tokens": ("gpt 4.1", "output_tokens", "DataZoneStandard"),
    "gpt 4o 1120 cached Inp regnl Tokens": ("gpt 4o 1120", "cached_input_tokens", "Standard"),
    "gpt 4o 1120 Batch Inp glbl Tokens": ("gpt 4o 1120", "uncached_input_tokens", "GlobalBatch", "true"),
    "gpt 4o 0513 Input global Tokens": ("gpt 4o 0513", "uncached_input_tokens", "GlobalStandard"),
    "gpt rt aud 0828 cchd Inp glbl Tokens": ("gpt rt", "cached_audio_input_tokens", "GlobalStandard"),
    "gpt rt aud 0828 Outp glbl Tokens": ("gpt rt", "audio_output_tokens", "GlobalStandard"),
    "gpt rt img 0828 Inp glbl Tokens": ("gpt rt", "image_input_tokens", "GlobalStandard"),
    "gpt rt txt 0828 Inp glbl Tokens": ("gpt rt", "uncached_input_tokens", "GlobalStandard"),
    "gpt image 1 Outp regnl Tokens": ("gpt image 1", "output_tokens", "Standard"),
    "claude sonnet 4 5 Inp regnl Tokens": ("claude sonnet 4 5", "uncached_input_tokens", "Standard"),
    "Phi-4-Input Tokens": ("Phi-4", "uncached_input_tokens"),
    "Provisioned Managed Global Unit": (),
    "Service refund": (),
}
AZURE_MILLIONS = {
    "GPT 5 Mini cchd Inpt Glbl 1M Tokens": ("GPT 5 Mini", "cached_input_tokens", "GlobalStandard"),
    "5.4 opt Dz 1M Tokens": ("5.4", "output_tokens", "DataZoneStandard"),
    "5.6 sol LongCo Cd Wr PP DZ 1M Tokens": ("5.6 sol", "cache_write_tokens", "priority", "", "", "long"),
    "56sol ShCo Inp Fl Gl 1M Tokens": ("56sol", "uncached_input_tokens", "flex"),
}


def named(values: tuple[str, ...], first: str = "model") -> dict[str, str]:
    """Values by the names of the columns, from `first` on, without those that are blank."""
    return {name: value for name, value in zip(COLUMNS[COLUMNS.index(first) :], values, strict=False) if value}


@pytest.mark.parametrize("text", OPENAI)
def test_a_line_of_openai(text: str) -> None:
    row = {"line_item": text, "amount": {"value": 1, "currency": "usd"}}
    assert columns_of("openai", "costs", row) == named(OPENAI[text])


@pytest.mark.parametrize("text", AWS)
def test_a_usage_type_of_aws(text: str) -> None:
    row = {"Keys": {"usage_type": text, "record_type": "Usage"}}
    assert columns_of("aws_bedrock", "cost", row, service="Amazon Bedrock") == named(AWS[text])


@pytest.mark.parametrize("text", SOLD)
def test_a_usage_type_of_a_model_of_the_marketplace(text: str) -> None:
    row = {"Keys": {"usage_type": text, "record_type": "Usage"}}
    columns = columns_of("aws_bedrock", "cost", row, service="Claude Sonnet 4.5 (Amazon Bedrock Edition)")
    assert columns == {"model": "Claude Sonnet 4.5"} | named(SOLD[text], "meter")


@pytest.mark.parametrize("text", [*AZURE, *AZURE_MILLIONS])
def test_a_meter_of_azure(text: str) -> None:
    row = {"ResourceId": "/a", "Meter": text, "Currency": "EUR"}
    values = named((AZURE | AZURE_MILLIONS)[text])
    unit = {"unit": "1M tokens" if text in AZURE_MILLIONS else "1K tokens"} if values else {}
    assert columns_of("azure_openai", "cost", row) == values | unit


@pytest.mark.parametrize("kind, meter", [
    ("uncached_input_tokens", "uncached_input_tokens"),
    ("cache_read_input_tokens", "cached_input_tokens"),
    ("cache_creation.ephemeral_5m_input_tokens", "cache_write_tokens"),
    ("cache_creation.ephemeral_1h_input_tokens", "cache_write_1h_tokens"),
    ("output_tokens", "output_tokens"),
    ("thought_tokens", "thought_tokens"),
])  # fmt: skip
@pytest.mark.parametrize("report", ["cost", "analytics_cost"])
def test_a_kind_of_tokens_of_anthropic(report: str, kind: str, meter: str) -> None:
    of = {"cost_type": "tokens", "token_type": kind}
    assert columns_of("anthropic", report, of if report == "cost" else {"group": of}) == {"meter": meter}


@pytest.mark.parametrize("kind, meter", [
    ("web_search", "web_searches"), ("code_execution", "compute_seconds"), ("session_usage", "compute_seconds"),
    ("tokens", ""), ("telepathy", ""),
])  # fmt: skip
@pytest.mark.parametrize("report", ["cost", "analytics_cost"])
def test_a_kind_of_cost_of_anthropic(report: str, kind: str, meter: str) -> None:
    of = {"cost_type": kind, "token_type": None}
    found = columns_of("anthropic", report, of if report == "cost" else {"group": of})
    assert found == ({"meter": meter} if meter else {})


PRIORITY = {"service_tier": "priority"}


@pytest.mark.parametrize("text, unit, meter, more", [
    ("Gemini 2.5 Flash GA Text Input - Predictions", "count", "uncached_input_tokens", {}),
    ("Gemini 2.5 Flash GA Text Input - Batch Predictions", "count", "uncached_input_tokens", {"batch": "true"}),
    ("Gemini 2.5 Flash GA Input Text Caching", "count", "cached_input_tokens", {}),
    ("Gemini 2.5 Flash GA Audio Input - Predictions", "count", "audio_input_tokens", {}),
    ("Gemini 3.0 Pro Image Input - Predictions", "count", "image_input_tokens", {}),
    ("Gemini 3.0 Pro Text Input Priority - Predictions", "count", "uncached_input_tokens", PRIORITY),
    ("Gemini 3.0 Pro Text Input (Long) - Predictions", "count", "uncached_input_tokens", {"context_window": "long"}),
    ("Gemini 2.5 Flash GA Thinking Text Output - Predictions", "count", "output_tokens", {}),
    ("AI Dev Tools: Claude Opus 4.8 Input Cache Write Tokens (TTL 300 seconds)", "count", "cache_write_tokens", {}),
    ("AI Dev Tools: Claude Opus 4.8 Input Cache Write Tokens (TTL 3600 seconds)", "count", "cache_write_1h_tokens", {}),
    ("Translation LLM Input Characters", "count", "characters", {}),
    ("Imagen 4 fast Generation (output)", "count", "images", {}),
    ("Grounding with Google Search", "count", "web_searches", {}),
    ("Vertex AI: Provisioned Throughput 1 month", "mo", "", {"charge_category": "Purchase"}),
    ("Gemini 2.5 Flash GA Text Input - Predictions", "h", "", {}),
    ("Gemini 9 Hologram Projection", "count", "", {}),
])  # fmt: skip
def test_a_sku_of_google(text: str, unit: str, meter: str, more: dict[str, str]) -> None:
    words = "".join(letter if letter.isalnum() or letter == "." else " " for letter in text.lower()).split()
    sku = {"sku_text": "-".join(words), "sku_description": text, "cost_type": "regular", "currency": "EUR"}
    row = sku | {"usage_text": f"regular {unit} {'-'.join(words)}", "usage_unit": unit}
    found = columns_of("google_vertex_ai", "billing", row)
    found.pop("model", None)
    assert found == {"unit": unit} | ({"meter": meter} if meter else {}) | more


@pytest.mark.parametrize("provider, ids, family", [
    ("aws_bedrock", ("openai.gpt-oss-120b-1:0", "openai.gpt-oss-120b", "gpt-oss-120b"), "gpt-oss-120b"),
    ("aws_bedrock", ("qwen.qwen3-32b-v1:0", "qwen3-32b-v1", "Qwen3-32B", "qwen.qwen3-32b"), "qwen3-32b"),
    (
        "aws_bedrock",
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "Claude Sonnet 4.5",
         "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0"),
        "claude-sonnet-4-5",
    ),
    ("aws_bedrock", ("anthropic.claude-sonnet-4-6", "Claude4.6Sonnet"), "claude-sonnet-4-6"),
    ("aws_bedrock", ("anthropic.claude-3-5-sonnet-20241022-v2:0", "Claude 3.5 Sonnet v2"), "claude-3-5-sonnet-v2"),
    ("aws_bedrock", ("amazon.nova-2-lite-v1:0", "Nova2.0Lite"), "nova-2-lite"),
    ("aws_bedrock", ("amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0:300k", "NovaPro"), "nova-pro"),
    ("aws_bedrock", ("meta.llama4-maverick-17b-instruct-v1:0", "Llama4-Maverick-17B"), "llama4-maverick-17b"),
    ("aws_bedrock", ("amazon.titan-embed-text-v2:0",), "titan-embed-text-v2"),
    ("azure_openai", ("gpt-4.1", "gpt 4.1"), "gpt-4-1"),
    ("azure_openai", ("gpt-4o", "gpt 4o 1120", "gpt 4o 0513"), "gpt-4o"),
    ("azure_openai", ("gpt-realtime", "gpt rt"), "gpt-realtime"),
    ("azure_openai", ("DeepSeek-V3.1", "DeepSeek V3.1"), "deepseek-v3-1"),
    ("openai", ("gpt-4.1-2025-04-14",), "gpt-4-1-2025-04-14"),
    ("google_vertex_ai", ("claude-opus-4.8",), "claude-opus-4-8"),
    ("groq", ("openai/gpt-oss-120b",), "openai-gpt-oss-120b"),
    ("groq", ("///",), "///"),
])  # fmt: skip
def test_the_spellings_of_a_model_are_one_family(provider: str, ids: tuple[str, ...], family: str) -> None:
    assert {PROVIDERS[provider].family(one) for one in ids} == {family}


KEYS = {
    "openai": "eda442025fe469ea",
    "anthropic": "013e0d6dff3892ca",
    "openrouter": "906981a47721a873",
    "aws_bedrock": "7c5330bea185ab00",
    "google_vertex_ai": "908338d38ed73302",
}
"""A hash of the row keys of one day, as they were before any rule read a line."""
UNKNOWN = {"Gemini 2.5 Flash GA Input Text Caching Storage"}
"""What no word of ours is for: the storage of cached tokens by the hour."""


def test_a_day_of_six_bills_keeps_its_row_keys_and_says_what_each_line_is_for(
    engine: Engine, query: Any, tmp_path: Path
) -> None:
    fill_ledger(engine, tmp_path, DAY, DAY, providers=[*KEYS, "azure_openai"])
    keys = query(
        "SELECT provider, array_agg(row_key::text) FROM ledger.cost_daily WHERE provider = ANY (%s)"
        " AND report <> 'claude_code' GROUP BY 1",
        list(KEYS),
    )
    found = {name: hashlib.sha256(" ".join(sorted(of)).encode()).hexdigest()[:16] for name, of in keys}
    assert found == KEYS
    lines = query(
        "SELECT line_item, lines, share < 0.001, month FROM marts.unexplained_lines WHERE provider <> 'fireworks'"
    )
    assert lines == [(text, 1, True, DAY.replace(day=1)) for text in UNKNOWN]
    charges = query(
        "SELECT DISTINCT line_item, charge_category FROM marts.bill_lines WHERE charge_category <> 'Usage'"
        " AND provider IN ('openai', 'azure_openai', 'aws_bedrock')"
    )
    assert sorted(charges) == [
        ("Global-Credit", "Credit"),
        ("NoUsageType", "Tax"),
        ("Promotional credit", "Credit"),
        ("Scale Tier bundle", "Purchase"),
        ("Service refund", "Credit"),
    ]
    alone = query(
        "SELECT DISTINCT provider, family FROM marts.bill_lines AS line WHERE charge_category = 'Usage' AND model <> ''"
        " AND NOT EXISTS (SELECT FROM marts.billable_usage AS usage JOIN ledger.model USING (provider, model)"
        " WHERE usage.provider = line.provider AND model.family = line.family)"
    )
    assert alone == []
    assert query("SELECT family FROM ledger.model WHERE model = '123898cfca6f'") == [("claude-sonnet-4-5",)]
    quantities = query(
        "SELECT unit, line.quantity / raw.quantity FROM marts.bill_lines AS line JOIN ledger.cost_daily AS raw"
        " USING (connection_id, report, usage_date, row_key, unit) WHERE raw.quantity <> 0 GROUP BY 1, 2"
    )
    assert {(unit, int(size)) for unit, size in quantities} == {
        *((unit, 1) for unit in ("", "count", "tokens", "images", "characters", "duration_seconds", "h")),
        *(("1000_tokens", 1000), ("1K tokens", 1000), ("gibibyte_hours", 2**30)),
    }
