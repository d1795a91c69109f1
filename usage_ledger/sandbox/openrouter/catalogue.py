"""OpenRouter's models, their hosts and prices.

Prices are whole nanodollars (10^-9 USD) per token, so that every amount has at most nine places.
"""

from dataclasses import dataclass

Prices = tuple[int, int, int]
"""Nanodollars per cached, uncached and output token."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model or a variant of one, the price of its top provider, and who serves it.

    `byok_host` is the host for which all keys but the first bring their own. Rows of a `stamped` model carry midnight
    after their date. A retired model is not `listed` any more and still used.
    """

    slug: str
    permaslug: str
    prices: Prices
    hosts: tuple[str, ...]
    outputs: tuple[str, ...] = ("text",)
    byok_host: str = ""
    reasons: bool = False
    bursts: bool = False
    listed: bool = True
    stamped: bool = False


CATALOGUE = (
    Model(
        "anthropic/claude-sonnet-5",
        "anthropic/claude-5-sonnet-20260601",
        (300, 3_000, 15_000),
        ("Anthropic", "Amazon Bedrock"),
        reasons=True,
    ),
    # Multiples of twenty: a fee of five percent is whole nanodollars too.
    Model(
        "openai/gpt-5-mini",
        "openai/gpt-5-mini-2025-08-07",
        (40, 400, 2_000),
        ("OpenAI", "Azure"),
        byok_host="Azure",
        reasons=True,
    ),
    Model("deepseek/deepseek-v4", "deepseek/deepseek-v4-20260115", (28, 280, 1_100), ("DeepInfra", "Fireworks")),
    Model("deepseek/deepseek-v4:free", "deepseek/deepseek-v4-20260115", (0, 0, 0), ("Chutes", "Novita")),
    Model(
        "google/gemini-3-flash-image",
        "google/gemini-3-flash-image-20260310",
        (75, 300, 2_500),
        ("Google AI Studio", "Google Vertex"),
        outputs=("image", "text"),
        bursts=True,
    ),
    Model(
        "mistralai/mistral-medium-3",
        "mistralai/mistral-medium-3-20250507",
        (400, 400, 2_000),
        ("Mistral",),
        listed=False,
    ),
    Model(
        "openai/text-embedding-4", "openai/text-embedding-4-20260220", (20, 20, 0), ("OpenAI",), outputs=("embeddings",)
    ),
)
