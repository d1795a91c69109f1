"""The serverless price list: what the bill's lines of text models cost, and two other classes of service."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

from usage_ledger.sandbox.fireworks.account import Model
from usage_ledger.sandbox.fireworks.costs import CACHED, OUTPUT, UNCACHED
from usage_ledger.sandbox.fireworks.tiers import FAST, PRIORITY, REPRICED_ON, RISE
from usage_ledger.sandbox.kit.serving import Json


def price_list(models: Iterable[Model], day: date | None = None) -> list[Json]:
    """The entries of `GET /v1/serverless/models`. The first model has a fast variant, with an id of its own.

    `day` is the date of the list where prices change.
    """
    entries: list[Json] = []
    for number, listed in enumerate(models):
        rise = RISE if day and number == 1 and day >= REPRICED_ON else (1, 1)
        model = _times(listed, rise)
        entries.append(_entry(model, model.label, "default", (1, 1)))
        entries.append(_entry(model, model.label, "priority", PRIORITY))
        if not number:
            slug = model.model_id.rpartition("/")[2]
            router = f"accounts/fireworks/routers/{slug}-fast"
            entries.append(_entry(model, f"{model.label} (Fast)", "fast", FAST, router))
    return entries


def _times(model: Model, factor: tuple[int, int]) -> Model:
    times, parts = factor
    prices = {name: getattr(model, name) * times // parts for name in ("cached_pico", "uncached_pico", "output_pico")}
    return replace(model, **prices)


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
