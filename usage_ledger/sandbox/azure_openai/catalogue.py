"""What Azure sells here: models, the metrics of an account, and what a unit of each meter costs."""

from collections.abc import Mapping
from typing import NamedTuple

COMMON = ("Region", "ModelDeploymentName", "ModelName", "ModelVersion")
_MODELS = ("ApiName", *COMMON)
_OLDER = ("ApiName", "ModelDeploymentName", "FeatureName", "UsageChannel", "Region", "ModelVersion")
_CALLS = ("ApiName", "OperationName", "Region", "StreamType", "ModelDeploymentName", "ModelName", "ModelVersion")
_CACHE = (*_MODELS, "ContextLength")
STATUSES = ("200", "400", "429")


class Metric(NamedTuple):
    """A metric: the category that lists it, its dimensions, and the meters that add up to it."""

    category: str
    dimensions: tuple[str, ...]
    meters: tuple[str, ...]
    formats: tuple[str, ...] = ()
    """Of the models that have it; any, if empty."""
    kinds: tuple[str, ...] = ("OpenAI", "AIServices")
    """Of the accounts that offer it."""


_USAGE, _REQUESTS = "Models - Usage", "Models - HTTP Requests"
_OPENAI_USAGE, _OPENAI_REQUESTS = "Azure OpenAI - Usage", "Azure OpenAI - HTTP Requests"
_OPENAI, _ANTHROPIC, _FOUNDRY = ("OpenAI",), ("Anthropic",), ("AIServices",)
METRICS: Mapping[str, Metric] = {
    "InputTokens": Metric(_USAGE, _MODELS, ("input",)),
    "OutputTokens": Metric(_USAGE, _MODELS, ("output",)),
    "TotalTokens": Metric(_USAGE, _MODELS, ("input", "output")),
    "cacheReadInputTokens": Metric(_USAGE, _CACHE, ("cache_read",), _ANTHROPIC, _FOUNDRY),
    "ephemeral5mInputTokens": Metric(_USAGE, _CACHE, ("cache_5m",), _ANTHROPIC, _FOUNDRY),
    "ephemeral1hInputTokens": Metric(_USAGE, _CACHE, ("cache_1h",), _ANTHROPIC, _FOUNDRY),
    "GeneratedImages": Metric(_USAGE, _MODELS, ("images",), (), _FOUNDRY),
    "ModelRequests": Metric(_REQUESTS, (*_CALLS, "StatusCode"), STATUSES),
    "ProcessedPromptTokens": Metric(_OPENAI_USAGE, _OLDER, ("input",), _OPENAI),
    "GeneratedTokens": Metric(_OPENAI_USAGE, _OLDER, ("output",), _OPENAI),
    "TokenTransaction": Metric(_OPENAI_USAGE, _OLDER, ("input", "output"), _OPENAI),
    "AudioPromptTokens": Metric(_OPENAI_USAGE, COMMON, ("audio_input",), _OPENAI),
    "AudioCompletionTokens": Metric(_OPENAI_USAGE, COMMON, ("audio_output",), _OPENAI),
    "AzureOpenAIRequests": Metric(
        _OPENAI_REQUESTS, (*_CALLS, "StatusCode", "IsSpillover", "ServiceTierRequest"), STATUSES, _OPENAI
    ),
    "TotalCalls": Metric(
        "Cognitive Services - HTTP Requests", ("ApiName", "OperationName", "Region", "RatelimitKey"), STATUSES
    ),
}


class Model(NamedTuple):
    """A model: who made it, how much of each meter a deployment uses, and the picoeuros of a token in and out."""

    name: str
    version: str
    format: str
    scales: Mapping[str, int]
    prices: tuple[int, int]


_REALTIME = {"input": 260, "output": 130, "audio_input": 200, "audio_output": 90}
_CLAUDE = {"input": 90, "output": 70, "cache_read": 800, "cache_5m": 120, "cache_1h": 30}
MODELS = (
    Model("gpt-4.1", "2025-04-14", "OpenAI", {"input": 400, "output": 120}, (1_860_013, 7_440_007)),
    Model("gpt-5-mini", "2025-08-07", "OpenAI", {"input": 900, "output": 310}, (232_500, 1_860_001)),
    Model("gpt-realtime", "2025-08-28", "OpenAI", _REALTIME, (3_720_000, 14_880_000)),
    Model("text-embedding-3-large", "1", "OpenAI", {"input": 700}, (120_900, 0)),
    Model("claude-sonnet-4-5", "20250929", "Anthropic", _CLAUDE, (2_790_000, 13_950_000)),
    Model("DeepSeek-V3.1", "1", "DeepSeek", {"input": 300, "output": 210}, (1_041_600, 3_124_800)),
    Model("gpt-image-1", "2025-04-15", "OpenAI", {"input": 40, "output": 60, "images": 1}, (4_650_000, 37_200_000)),
)
OPENAI_MODELS = tuple(model for model in MODELS if model.format == "OpenAI")
SKUS = ("GlobalStandard", "Standard", "DataZoneStandard", "GlobalBatch")
REQUESTS = {"200": 2, "400": 1, "429": 1}
"""How much of each status a deployment answers with."""
