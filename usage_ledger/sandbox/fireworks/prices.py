"""The serverless price list: what the bill's lines of text models cost, and two other classes of service."""

from collections.abc import Iterable
from decimal import Decimal

from usage_ledger.sandbox.fireworks.account import Model
from usage_ledger.sandbox.fireworks.costs import CACHED, OUTPUT, UNCACHED
from usage_ledger.sandbox.kit.serving import Json

PRIORITY, FAST = (3, 2), (2, 1)
"""Times the price of the default class."""


def price_list(models: Iterable[Model]) -> list[Json]:
    """The entries of `GET /v1/serverless/models`. The first model has a fast variant, with an id of its own."""
    entries: list[Json] = []
    for number, model in enumerate(models):
        entries.append(_entry(model, model.label, "default", (1, 1)))
        entries.append(_entry(model, model.label, "priority", PRIORITY))
        if not number:
            slug = model.model_id.rpartition("/")[2]
            router = f"accounts/fireworks/routers/{slug}-fast"
            entries.append(_entry(model, f"{model.label} (Fast)", "fast", FAST, router))
    return entries


def _entry(model: Model, name: str, mode: str, factor: tuple[int, int], identifier: str = "") -> Json:
    times, parts = factor
    prices = ((CACHED, model.cached_pico), (UNCACHED, model.uncached_pico), (OUTPUT, model.output_pico))
    return {
        "id": model.model_id,
        "display_name": name,
        "serverless_mode": mode,
        "service_tier": "" if mode == "default" else mode,
        "usage_identifier": identifier or model.model_id,
        "aliases": [],
        "pricing": [
            {"sku": sku, "amount": f"{_per_million(pico * times, parts):f}", "unit": "1M tokens"}
            for sku, pico in prices
        ],
    }


def _per_million(pico: int, parts: int) -> Decimal:
    """Dollars for a million tokens, of picodollars for one."""
    return (Decimal(pico) / parts).scaleb(-6).normalize()
