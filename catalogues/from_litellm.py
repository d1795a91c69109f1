"""Rows of the price book from the JSON map in LiteLLM's wheel. Its numbers are read as texts, never as floats."""

import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from rows import Row

PROVIDERS = {
    "fireworks_ai": "fireworks", "fireworks_ai-embedding-models": "fireworks", "openai": "openai",
    "text-completion-openai": "openai", "anthropic": "anthropic", "groq": "groq", "bedrock": "aws_bedrock",
    "bedrock_converse": "aws_bedrock", "bedrock_mantle": "aws_bedrock", "azure": "azure_openai",
    "azure_text": "azure_openai", "azure_ai": "azure_openai", "replicate": "replicate",
}  # fmt: skip
OF_GOOGLE = "vertex_ai"
"""How the names of Google's publishers begin."""
TOKENS = {
    "input_cost_per_token": "uncached_input_tokens",
    "cache_read_input_token_cost": "cached_input_tokens",
    "cache_creation_input_token_cost": "cache_write_tokens",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h_tokens",
    "output_cost_per_token": "output_tokens",
    "input_cost_per_audio_token": "audio_input_tokens",
    "cache_read_input_audio_token_cost": "cached_audio_input_tokens",
    "output_cost_per_audio_token": "audio_output_tokens",
    "input_cost_per_image_token": "image_input_tokens",
    "cache_read_input_image_token_cost": "cached_image_input_tokens",
    "output_cost_per_image_token": "image_output_tokens",
}
OTHERS = {
    ("audio_transcription", "input_cost_per_second"): "audio_seconds",
    ("audio_transcription", "output_cost_per_second"): "audio_seconds",
    ("audio_speech", "input_cost_per_character"): "characters",
    ("image_generation", "output_cost_per_image"): "images",
    ("image_generation", "input_cost_per_image"): "images",
    ("video_generation", "output_cost_per_second"): "video_seconds",
    ("video_generation", "output_cost_per_video_per_second"): "video_seconds",
    ("rerank", "input_cost_per_query"): "requests",
}
"""By the model's mode: what is not counted in tokens."""
TIERS = {"": "standard", "batches": "batch", "priority": "priority", "flex": "flex", "ultrafast": "ultrafast"}
PLACES = 18
"""Of an amount in the price book."""
FIELD = re.compile(r"(?P<field>.+?)(_above_(?P<context>\d+)k_tokens)?(_(?P<tier>batches|priority|flex|ultrafast))?")
REGION = re.compile(r"(us|eu|ap|ca|sa|me|af|il|mx)(-gov)?-[a-z]+-\d")
OWN_NAMES = (
    "fireworks_ai",
    "groq",
    "replicate",
    "azure",
    "azure_ai",
    "vertex_ai",
    "openai",
    "bedrock",
    "bedrock_mantle",
)
"""How the map calls the providers, before the ids of their models."""
ZONES = {"eu": "eu", "us": "us", "global": "", "global-standard": ""}
"""Azure's data zones, as the names of its models begin."""


def read_rows() -> Iterator[Row]:
    """Every price above zero of the providers that this project knows: zero may mean that it is not known."""
    path = distribution("litellm").locate_file("litellm/model_prices_and_context_window_backup.json")
    text = Path(str(path)).read_text(encoding="utf-8")
    listed: dict[str, Any] = json.loads(text, parse_float=str, parse_int=str)
    rows: dict[tuple[object, ...], Row] = {}
    for name, entry in listed.items():
        of = entry.get("litellm_provider", "")
        provider = "google_vertex_ai" if of.startswith(OF_GOOGLE) else PROVIDERS.get(of)
        sold = _sold(name, provider) if provider else None
        if provider is None or sold is None:
            continue
        model, region = sold
        for (meter, tier, context_from), (amount, per) in _prices(entry).items():
            row = Row(provider, model, meter, tier, context_from, region, amount, per, date.min, date.max, "LiteLLM")
            rows.setdefault(row.key, row)  # the same model under several names: the first counts
    yield from rows.values()


def _sold(name: str, provider: str) -> tuple[str, str] | None:
    """The model's id and region; None for what is no model of its own: a commitment, or the size of an image."""
    parts = name.split("/")
    if re.search(r"-commitment|\d-x-\d|\*", name):
        return None
    if parts[0] in OWN_NAMES:
        parts = parts[1:]
    region = ""
    if provider == "aws_bedrock" and REGION.fullmatch(parts[0]):
        region, parts = parts[0], parts[1:]
    if provider == "azure_openai" and len(parts) > 1 and parts[0] in ZONES:
        region, parts = ZONES[parts[0]], parts[1:]
    return "/".join(parts), region


def _prices(entry: dict[str, Any]) -> dict[tuple[str, str, int], tuple[Decimal, int]]:
    prices: dict[tuple[str, str, int], tuple[Decimal, int]] = {}
    for name, value in entry.items():
        found = FIELD.fullmatch(name)
        if not found or not isinstance(value, str) or not re.fullmatch(r"[0-9.eE+-]+", value):
            continue
        meter = TOKENS.get(found["field"]) or OTHERS.get((entry.get("mode", ""), found["field"]))
        if meter and (amount := Decimal(value)) > 0:
            per = 10**6 if found["field"] in TOKENS else 1
            key = (meter, TIERS[found["tier"] or ""], int(found["context"] or 0) * 1000)
            prices.setdefault(key, (round(amount * per, PLACES), per))
    return prices
