"""OpenAI's usage, ten reports: which fields a row has, and the meters that add up to each."""

from typing import NamedTuple

from usage_ledger.sandbox.kit.serving import Call, Json
from usage_ledger.sandbox.openai.account import OpenAIAccount, Use
from usage_ledger.sandbox.openai.buckets import bucket_page
from usage_ledger.sandbox.openai.catalogue import OLDER_MODEL
from usage_ledger.sandbox.openai.queries import BucketQuery, refusal

_WIDTHS = {"1m": (60, 60, 1440), "1h": (3600, 24, 168), "1d": (86400, 7, 31)}


class Report(NamedTuple):
    """How the rows of one report are named and grouped, and the meters that add up to each of its fields."""

    kind: str
    dimensions: tuple[str, ...]
    fields: dict[str, tuple[str, ...]]


_WHO = ("project_id", "user_id", "api_key_id")
_COMMON = (*_WHO, "model")
_MODALITIES = ("text", "audio", "image")
_CACHED = tuple(f"cached_{modality}" for modality in _MODALITIES)
_REQUESTS = {"num_model_requests": ("requests",)}
_COMPLETIONS: dict[str, tuple[str, ...]] = {
    "input_tokens": (*_MODALITIES, *_CACHED, "cache_write"),
    "input_cached_tokens": _CACHED,
    "input_cache_write_tokens": ("cache_write",),
    "input_uncached_tokens": _MODALITIES,
    **{f"input_{meter}_tokens": (meter,) for meter in (*_MODALITIES, *_CACHED)},
    "output_tokens": tuple(f"output_{modality}" for modality in _MODALITIES),
    **{f"output_{modality}_tokens": (f"output_{modality}",) for modality in _MODALITIES},
    **_REQUESTS,
}
# The fields of a row before those by modality were added.
_OLDER_FIELDS = (
    "input_tokens",
    "output_tokens",
    "num_model_requests",
    "input_cached_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
)
_INPUT: dict[str, tuple[str, ...]] = {"input_tokens": ("input",), **_REQUESTS}
_CALLS: dict[str, tuple[str, ...]] = {"num_requests": ("calls",)}
_REPORTS = {
    "completions": Report("completions", (*_COMMON, "batch", "service_tier"), _COMPLETIONS),
    "embeddings": Report("embeddings", _COMMON, _INPUT),
    "moderations": Report("moderations", _COMMON, _INPUT),
    "images": Report("images", (*_COMMON, "size", "source"), {"images": ("images",), **_REQUESTS}),
    "audio_speeches": Report("audio_speeches", _COMMON, {"characters": ("characters",), **_REQUESTS}),
    "audio_transcriptions": Report("audio_transcriptions", _COMMON, {"seconds": ("seconds",), **_REQUESTS}),
    "vector_stores": Report("vector_stores", ("project_id",), {"usage_bytes": ("stored",)}),
    "code_interpreter_sessions": Report("code_interpreter_sessions", ("project_id",), {"num_sessions": ("sessions",)}),
    "file_search_calls": Report("file_searches", (*_WHO, "vector_store_id"), _CALLS),
    "web_search_calls": Report("web_searches", (*_COMMON, "context_level"), {**_CALLS, **_REQUESTS}),
}


def usage(call: Call[OpenAIAccount]) -> Json:
    """One page of a usage report."""
    name = call.request.path_params["report"]
    report = _REPORTS.get(name)
    if report is None:
        raise refusal(404, f"Invalid URL (GET {call.request.url.path})")
    query = BucketQuery.read(call, report.dimensions, _WIDTHS)

    def result(use: Use, amounts: dict[str, int]) -> Json:
        dimensions = {name: use.values.get(name) if name in query.group_by else None for name in report.dimensions}
        fields = {name: sum(amounts.get(meter, 0) for meter in meters) for name, meters in report.fields.items()}
        if dimensions.get("model") == OLDER_MODEL:
            fields = {name: fields[name] for name in _OLDER_FIELDS}
        return {"object": f"organization.usage.{report.kind}.result", **fields, **dimensions}

    # Rows of equal dimensions stay apart only where a request groups by all.
    whole = len(query.group_by) == len(report.dimensions)
    return bucket_page(query, call.truth.all_uses[name], result, whole=whole)
