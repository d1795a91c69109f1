"""OpenRouter's catalogue of models."""

from decimal import Decimal
from urllib.parse import urlencode

from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.openrouter.catalogue import Model
from usage_ledger.sandbox.openrouter.queries import OpenRouterCall, refusal, whole

MODALITIES = ("text", "image", "audio", "embeddings")
_ROUTER = Model("openrouter/auto", "openrouter/auto", (0, 0, 0), ())


def models(call: OpenRouterCall) -> Json:
    """The catalogue of today, only text models by default; one answer, or pages with a relative link."""
    params = call.params
    modalities = params.get("output_modalities", "text").split(",")
    if unknown := [name for name in modalities if name not in (*MODALITIES, "all")]:
        raise refusal(400, f"unknown output modality: {unknown[0]!r}")
    listed = [model for model in call.truth.all_models if model.listed]
    entries = [one for one in (*listed, _ROUTER) if "all" in modalities or set(modalities) & set(one.outputs)]
    first, size, link = 0, len(entries), None
    if "offset" in params or "limit" in params:
        first, size = whole(params, "offset", 0, 0, 10**9), whole(params, "limit", 500, 1, 1000)
        others = {name: params[name] for name in ("output_modalities",) if name in params}
        if first + size < len(entries):
            link = f"/api/v1/models?{urlencode({**others, 'offset': first + size, 'limit': size})}"
    data = [_model_resource(model) for model in entries[first : first + size]]
    return {"data": data, "links": {"next": link}, "total_count": len(entries)}


def _price(nanos: int) -> str:
    return f"{Decimal(nanos).scaleb(-9).normalize():f}"


def _pricing(model: Model) -> Json:
    if not model.hosts:
        # The price of a router depends on the model that it picks: the API writes -1.
        return {"prompt": "-1", "completion": "-1"}
    cached, prompt, completion, twice, thrice = map(_price, (*model.prices, model.prices[1] * 2, model.prices[2] * 3))
    prices: Json = {"prompt": prompt, "completion": completion}
    if model.reasons:
        dearer = {"min_prompt_tokens": 200_000, "prompt": twice, "completion": thrice}
        prices |= {"request": "0", "image": "0", "input_cache_read": cached, "overrides": [dearer]}
    return prices


def _model_resource(model: Model) -> Json:
    return {
        "id": model.slug,
        "canonical_slug": model.permaslug,
        "name": model.slug.replace("/", ": "),
        "created": 1_780_272_000,
        "description": "An invented entry.",
        "context_length": 1_000_000,
        "architecture": {
            "modality": f"text->{'+'.join(model.outputs)}",
            "input_modalities": ["text"],
            "output_modalities": list(model.outputs),
            "tokenizer": "Other",
            "instruct_type": None,
        },
        "pricing": _pricing(model),
        "top_provider": {"context_length": 1_000_000, "max_completion_tokens": 64_000, "is_moderated": False},
        "per_request_limits": None,
        "supported_parameters": ["temperature", "max_tokens", "tools"],
        **dict.fromkeys(("default_parameters", "supported_voices", "knowledge_cutoff", "expiration_date")),
        "links": {"details": f"/api/v1/models/{model.slug}/endpoints"},
    }
