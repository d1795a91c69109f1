"""Compares the prices of contracts with those of other sources, before they are believed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from usage_ledger.money.contract_prices import Line, nearest
from usage_ledger.money.families import PREFIX, fits
from usage_ledger.warehouse.price_book import Price

LIMIT = 100
"""Beyond so many times, or so small a part of, all prices of others it is a slip: `1K` for `1M`, with a discount."""
INPUT = ("input_tokens", "uncached_input_tokens")


def check_neighbours(lines: Iterable[Line], others: Iterable[Price]) -> None:
    """Refuse a price far beyond those of other sources for the same model, meter, tier and currency: `ConfigError`."""
    by_kind: dict[tuple[str, ...], list[Price]] = defaultdict(list)
    for other in others:
        if other.amount:
            by_kind[_kind(other)].append(other)
    for line in lines:
        one = line.price
        near = [other for other in by_kind[_kind(one)] if _same_model(one, other)]
        if not near or not one.amount:
            continue
        unit = one.amount / one.per
        prices = [other.amount / other.per for other in near]
        nearest_price = min(max(prices), max(min(prices), unit))
        if not nearest_price / LIMIT < unit < nearest_price * LIMIT:
            times = unit / nearest_price if unit > nearest_price else nearest_price / unit
            raise line.problem(
                f"the price is {times:.0f} times {'what' if unit > nearest_price else 'below what'} others say,"
                f" {(nearest_price * one.per).normalize():f} for as much",
                next_step="check the amount and `per`",
            )


def doubts(
    lines: Iterable[Line], models: Mapping[str, set[tuple[str, str]]], connections: Mapping[str, str] | None
) -> list[str]:
    """What may be a slip: models that nobody knows, connections that do not exist. A sentence for each.

    `models` are ids and families by provider, `connections` the provider of each, where the
    warehouse could be read.
    """
    sentences: dict[str, None] = {}
    for line in lines:
        one = line.price
        of_provider = models.get(one.provider, set())
        stem = one.model.removesuffix(PREFIX)
        if stem and not any(fits(one.model, one.family, model, family) for model, family in of_provider):
            like = ", ".join(nearest(stem, {model for model, _ in of_provider}, 3))
            what = f"{one.provider} has no model {one.model!r} that is known"
            sentences[str(line.of("model", what, f"the nearest are {like}" if like else "check the id"))] = None
        if one.connection_id and connections is not None and connections.get(one.connection_id) != one.provider:
            of_seller = sorted(name for name, provider in connections.items() if provider == one.provider)
            like = ", ".join(nearest(one.connection_id, of_seller, 3) or of_seller)
            what = f"{one.provider} has no connection {one.connection_id!r}"
            sentences[str(line.of("connection", what, f"it has {like}" if like else "connect it first"))] = None
    return list(sentences)


def _kind(price: Price) -> tuple[str, ...]:
    meter = INPUT[0] if price.meter in INPUT else price.meter
    return price.provider, meter, price.service_tier, price.currency


def _same_model(one: Price, other: Price) -> bool:
    return fits(one.model, one.family, other.model, other.family) or fits(
        other.model, other.family, one.model, one.family
    )
