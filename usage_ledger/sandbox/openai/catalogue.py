"""What OpenAI sells: models, what one unit of everything costs, and how much each key uses of it."""

from collections.abc import Mapping
from typing import NamedTuple

from usage_ledger.sandbox.kit.slots import DAY_SLOTS, is_weekend
from usage_ledger.sandbox.kit.streams import STEADY, Cycles, cycle

Price = tuple[int, str | None, int | None]
"""Picodollars per unit of a meter; the unit that is sent, if any; how many of the meter's units are one of it."""
Values = Mapping[str, str | bool | None]
Scales = dict[str, int]
REPORTS = (
    *("completions", "embeddings", "moderations", "images", "audio_speeches", "audio_transcriptions"),
    *("vector_stores", "code_interpreter_sessions", "file_search_calls", "web_search_calls"),
)

WEEKDAYS = (cycle(int(not is_weekend(n // DAY_SLOTS) and n % 4 == 3) for n in range(7 * DAY_SLOTS)),)
_MIDWEEK = (cycle(int(n // DAY_SLOTS in (5, 6)) for n in range(7 * DAY_SLOTS)),)


class Model(NamedTuple):
    """A model, its modalities, and its picodollars per uncached, cached and output token."""

    model_id: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    tier: str | None
    prices: tuple[int, int, int]


OLDER_MODEL = "gpt-4.1-2025-04-14"
CATALOGUE = (
    ("gpt-5-mini-2025-08-07", ("text", "image"), ("text",), "default", (250_000, 25_000, 2_000_000)),
    ("gpt-realtime-2025-08-28", ("text", "audio"), ("text", "audio"), "default", (4_000_000, 400_000, 16_000_000)),
    ("gpt-image-1", ("text", "image"), ("image",), "default", (5_000_000, 1_250_000, 40_000_000)),
    (OLDER_MODEL, ("text",), ("text",), None, (2_000_000, 500_000, 8_000_000)),
    ("gpt-5-nano-2025-08-07", ("text", "image"), ("text",), "priority", (50_000, 5_000, 400_000)),
)
_LARGE, _SMALL = {"source": "image.generation", "size": "1024x1024"}, {"source": "image.edit", "size": "512x512"}
# Report, dimensions, thousands of units a day, when, and of how many units one is counted: tokens are most of the bill.
EVERY_KEY: tuple[tuple[str, Values, Scales, Cycles, int], ...] = (
    ("embeddings", {"model": "text-embedding-3-small"}, {"requests": 1, "input": 400}, STEADY, 1),
    ("embeddings", {"model": "text-embedding-3-large"}, {"requests": 1, "input": 90}, STEADY, 1),
    ("moderations", {"model": "omni-moderation-latest"}, {"requests": 1, "input": 60}, _MIDWEEK, 1),
    ("images", {"model": "dall-e-3", **_LARGE}, {"requests": 1, "images": 2}, WEEKDAYS, 1),
    ("images", {"model": "dall-e-2", **_SMALL}, {"requests": 1, "images": 1}, STEADY, 20),
    ("audio_speeches", {"model": "tts-1"}, {"requests": 2, "characters": 1500}, WEEKDAYS, 1),
    ("audio_transcriptions", {"model": "whisper-1"}, {"requests": 1, "seconds": 240}, WEEKDAYS, 1),
    ("file_search_calls", {}, {"calls": 3}, WEEKDAYS, 1),
    ("web_search_calls", {"model": "gpt-5", "context_level": "low"}, {"requests": 1, "calls": 2}, STEADY, 12),
    ("web_search_calls", {"model": "gpt-5", "context_level": "high"}, {"requests": 1, "calls": 3}, STEADY, 12),
)
# What is billed by the unit: line item, meters, price.
TARIFF: dict[str, tuple[str, tuple[str, ...], Price]] = {
    "embeddings": ("{model}, input", ("input",), (20_000, "1000_tokens", 1000)),
    "images": ("{model}, {size}", ("images",), (40_000_000_000, "images", 1)),
    "audio_speeches": ("{model}, characters", ("characters",), (15_000_000, "characters", 1)),
    "audio_transcriptions": ("{model}, duration", ("seconds",), (100_000_000, "duration_seconds", 1)),
    "file_search_calls": ("file search tool calls", ("calls",), (2_500_000_000, None, 1)),
    "web_search_calls": ("web search tool calls", ("calls",), (10_000_000_000, None, 1)),
    "code_interpreter_sessions": ("code interpreter sessions", ("sessions",), (30_000_000_000, None, 1)),
}
UNCACHED = ("text", "audio", "image", "cache_write")
CACHED = ("cached_text", "cached_audio", "cached_image")
OUTPUT = ("output_text", "output_audio", "output_image")
DIRECTIONS = {"input": UNCACHED, "cached input": CACHED, "output": OUTPUT}


def text_of(value: str | bool | None) -> str:
    """The value of a dimension as the ledger has it."""
    return str(value).lower() if isinstance(value, bool) else value or ""
