"""Rows of the price book from the data of genai-prices: exact decimals, dates, context tiers and request variants."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from rows import Row

PROVIDERS = {
    "fireworks": "fireworks", "openai": "openai", "anthropic": "anthropic", "groq": "groq", "openrouter": "openrouter",
    "aws": "aws_bedrock", "azure": "azure_openai", "google": "google_vertex_ai", "replicate": "replicate",
}  # fmt: skip
METERS = {
    "input_mtok": ("uncached_input_tokens", 10**6),
    "cache_read_mtok": ("cached_input_tokens", 10**6),
    "cache_write_mtok": ("cache_write_tokens", 10**6),
    "cache_write_1h_mtok": ("cache_write_1h_tokens", 10**6),
    "output_mtok": ("output_tokens", 10**6),
    "input_audio_mtok": ("audio_input_tokens", 10**6),
    "cache_audio_read_mtok": ("cached_audio_input_tokens", 10**6),
    "output_audio_mtok": ("audio_output_tokens", 10**6),
    "input_image_mtok": ("image_input_tokens", 10**6),
    "cache_image_read_mtok": ("cached_image_input_tokens", 10**6),
    "output_image_mtok": ("image_output_tokens", 10**6),
    "input_audio_hours": ("audio_seconds", 3600),
    "audio_hours": ("audio_seconds", 3600),
    "input_mchars": ("characters", 10**6),
    "web_searches_kcount": ("web_searches", 1000),
    "storage_searches_kcount": ("tool_calls", 1000),
}
WITHOUT_A_MODEL = ("web_searches", "tool_calls")
"""Meters that are billed without a model: a price that all models of a provider share is the provider's."""


def read_rows() -> Iterator[Row]:
    """Every price of the providers that this project knows."""
    from genai_prices.data_snapshot import get_snapshot

    for provider in get_snapshot().providers:
        if provider.id not in PROVIDERS:
            continue
        rows = [row for model in provider.models for row in _of_model(PROVIDERS[provider.id], model)]
        yield from rows
        yield from _without_model(rows)


def _of_model(provider: str, model: Any) -> Iterator[Row]:
    ids = sorted(set(_ids(model.match)) or {model.id})
    prices = model.prices if isinstance(model.prices, list) else [model]
    steps = [(_start(step), step.prices) for step in prices]
    for first, end in _intervals([start for start, _ in steps]):
        # The last one that holds counts; the first where none does.
        holds = [prices for start, prices in steps if start <= first]
        yield from _rows(provider, ids, "standard", (holds or [steps[0][1]])[-1], first, end)
    variants = [v for v in model.price_variants or () if set(v.when) == {"processing"}]
    for tier in sorted({v.when["processing"] for v in variants}):
        of_tier = [(_start(v), v.prices) for v in variants if v.when["processing"] == tier]
        for first, end in _intervals([start for start, _ in of_tier]):
            # Of each price the first one that holds counts.
            fields: dict[str, Any] = {}
            for start, prices in of_tier:
                if start <= first:
                    fields = vars(prices) | fields
            yield from _rows(provider, ids, tier, fields, first, end)


def _start(step: Any) -> date:
    start: date = getattr(getattr(step, "constraint", None), "start_date", None) or date.min
    return start


def _intervals(starts: list[date]) -> Iterator[tuple[date, date]]:
    edges = sorted(set(starts))
    yield from zip(edges, (*edges[1:], date.max), strict=True)


def _ids(clause: Any) -> Iterator[str]:
    """The ids and prefixes that a model is matched by; what matches a part of an id is left out."""
    match type(clause).__name__:
        case "ClauseEquals":
            yield clause.equals
        case "ClauseStartsWith":
            yield clause.starts_with + "%"
        case "ClauseOr":
            for inner in clause.or_:
                yield from _ids(inner)


def _rows(provider: str, ids: list[str], tier: str, prices: Any, first: date, end: date) -> Iterator[Row]:
    fields = prices if isinstance(prices, dict) else vars(prices)
    for field, price in fields.items():
        if price is None or field not in METERS:
            continue
        meter, per = METERS[field]
        steps = [(0, price)] if isinstance(price, Decimal) else [(0, price.base)]
        if not isinstance(price, Decimal):
            steps += [(step.start, step.price) for step in price.tiers]
        for context_from, amount in steps:
            for model in ids:
                yield Row(provider, model, meter, tier, context_from, "", amount, per, first, end, "genai-prices")


def _without_model(rows: list[Row]) -> Iterator[Row]:
    for meter in WITHOUT_A_MODEL:
        of_meter = [row for row in rows if row.meter == meter and row.service_tier == "standard"]
        if of_meter and len({row.amount for row in of_meter}) == 1:
            yield of_meter[0]._replace(model="", valid_from=date.min, valid_to=date.max)
