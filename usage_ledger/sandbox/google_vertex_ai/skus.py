"""The SKUs of an invented account, each with what a person reads in its text."""

from typing import NamedTuple

VERTEX = "C7E2-9256-1C43"
SEARCH = "74B1-77CF-C302"
"""Vertex AI Search: partner models are billed under it."""


class Sku(NamedTuple):
    """A SKU: its text, its unit, 10^-9 of the currency a unit, and what it means.

    `columns` are those of the ledger that its units are part of. SKUs of a `family` run in one region.
    """

    sku_id: str
    text: str
    unit: str = ""
    nanos: int = 0
    scale: int = 0
    divisor: int = 1
    columns: tuple[str, ...] = ()
    model: str = ""
    family: int = 0
    service_tier: str = ""
    batch: str = ""
    context_window: str = ""
    service: str = ""


FLASH, PRO, LLAMA, CLAUDE = "gemini-2.5-flash", "gemini-3.0-pro", "llama-4-maverick", "claude-opus-4.8"
IN, CACHED, OUT = ("input_tokens",), ("input_tokens", "cached_input_tokens"), ("output_tokens",)
WRITTEN = ("input_tokens", "cache_write_tokens")
THOUGHT = ("output_tokens", "reasoning_tokens")
GARDEN = "Cloud Vertex AI Model Garden Model as a Service"
SKUS = (
    Sku("A1B2-0000-0001", "Gemini 2.5 Flash GA Text Input - Predictions", "count", 300, 900, 1, IN, FLASH),
    Sku("A1B2-0000-0002", "Gemini 2.5 Flash  Ga Text Output - Predictions", "count", 2500, 90, 1, OUT, FLASH),
    Sku(
        "A1B2-0000-0003", "Gemini 2.5 Flash GA Thinking Text Output - Predictions", "count", 2500, 40, 1, THOUGHT, FLASH
    ),
    Sku("A1B2-0000-0004", "Gemini 2.5 Flash GA Input Text Caching", "count", 80, 300, 1, CACHED, FLASH),
    Sku(
        "A1B2-0000-0005",
        " Gemini 2.5 Flash GA Audio Input - Predictions",
        *("count", 1000, 30, 1, ("input_tokens", "audio_input_tokens"), FLASH),
    ),
    Sku(
        "A1B2-0000-0006",
        "Gemini 2.5 Flash GA Text Input - Batch Predictions",
        "count",
        150,
        500,
        1,
        IN,
        FLASH,
        batch="true",
    ),
    Sku("A1B2-0000-0007", "Gemini 2.5 Flash GA Input Text Caching Storage", "h", 1000, 2, 9, (), FLASH),
    Sku(
        "A1B2-0000-0008",
        "Gemini 3.0 Pro Text Input Priority - Predictions",
        *("count", 3600, 200, 1, IN, PRO, 1),
        service_tier="priority",
    ),
    Sku(
        "A1B2-0000-0009",
        "Gemini 3.0 Pro Text Input (Long) - Predictions",
        *("count", 4000, 100, 1, IN, PRO, 1),
        context_window="long",
    ),
    Sku(
        "A1B2-0000-0010",
        "Gemini 3.0 Pro Image Input - Predictions",
        *("count", 2000, 10, 1, ("input_tokens", "image_input_tokens"), PRO, 1),
    ),
    Sku("A1B2-0000-0011", "Gemini 3.0 Pro Text Output - Predictions", "count", 12000, 60, 1, OUT, PRO, 1),
    Sku("A1B2-0000-0012", "Llama 4 Maverick Input tokens", "count", 350, 70, 1, IN, LLAMA, 2),
    Sku("A1B2-0000-0013", f"{GARDEN} Llama 4 Maverick Output tokens", "count", 1150, 20, 1, OUT, LLAMA, 2),
    Sku(
        "A1B2-0000-0014",
        "AI Dev Tools: Claude Opus 4.8 Input Tokens",
        "count",
        5000,
        50,
        1,
        IN,
        CLAUDE,
        2,
        service=SEARCH,
    ),
    Sku(
        "A1B2-0000-0015",
        "AI Dev Tools: Claude Opus 4.8 Input Cache Write Tokens (TTL 300 seconds)",
        *("count", 6250, 20, 1, WRITTEN, CLAUDE, 2),
        service=SEARCH,
    ),
    Sku("A1B2-0000-0016", "Translation LLM Input Characters", "count", 10000, 8, 1, ("characters",), "translation-llm"),
    Sku("A1B2-0000-0017", "Imagen 4 fast Generation (output)", "count", 20_000_000, 1, 90, ("images",), "imagen-4"),
    Sku("A1B2-0000-0018", "Vertex AI: Provisioned Throughput 1 month", "mo", 2_700_000_000, 1, 3000),
)
UNKNOWN = Sku("A1B2-0000-0099", "Gemini 9 Hologram Projection", "count", 700)
