"""Reads the prices of contracts, `include/prices/*.yaml`, and says of each mistake where it is."""

import difflib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from usage_ledger.core.errors import ConfigError
from usage_ledger.money.billed_meters import CURRENCIES, UNITS, per_of, units_of
from usage_ledger.money.families import family_of
from usage_ledger.providers import PROVIDERS
from usage_ledger.warehouse.price_book import OPEN, Price
from usage_ledger.yaml_file import Keys, YamlFile, key_text, read_yaml_file

KEYS = (
    "provider", "connection", "model", "meters", "per", "currency", "tier", "context_from", "region", "host", "from",
    "until",
)  # fmt: skip
TIER = re.compile(r"[a-z0-9][a-z0-9_-]*")
PLACES = 18
"""Digits after the point of an amount in the ledger."""


@dataclass(frozen=True)
class Line:
    """A price of a contract, and where the file says it."""

    price: Price
    file: YamlFile
    keys: Keys

    def problem(self, what: str, *, next_step: str = "") -> ConfigError:
        return self.file.problem(self.keys, what, next_step=next_step)

    def of(self, key: str, what: str, next_step: str) -> ConfigError:
        """What is doubtful about another key of the price."""
        return self.file.problem((*self.keys[:2], key), what, next_step=next_step)

    @property
    def place(self) -> str:
        line = next(self.file.lines[self.keys[:end]] for end in (4, 2) if self.keys[:end] in self.file.lines)
        return f"{self.file.path.name}, line {line}{key_text(self.keys)}"


def read_contracts(folder: Path) -> list[Line]:
    """The lines of all files in the folder. Raises `ConfigError` for the first mistake."""
    lines = [line for path in sorted(folder.glob("*.yaml")) for line in _lines(read_yaml_file(path))]
    _check_overlaps(lines)
    return lines


def nearest(name: str, names: Iterable[str], count: int = 1) -> list[str]:
    """The names that are most like it."""
    return difflib.get_close_matches(name, list(names), n=count, cutoff=0.5)


def _lines(file: YamlFile) -> Iterator[Line]:
    document = file.document
    if not isinstance(document, dict):
        raise file.problem((), "it has no list `prices`", next_step="write `prices:` and the prices below it")
    _check_names(file, (), document, ("prices",))
    entries = document.get("prices")
    if not isinstance(entries, list):
        raise file.problem(("prices",), "it is no list", next_step="begin each price with `- provider:`")
    for place, entry in enumerate(entries):
        keys: Keys = ("prices", place)
        if not isinstance(entry, dict):
            raise file.problem(keys, "it is no price", next_step=f"give it the keys {', '.join(KEYS)}")
        _check_names(file, keys, entry, KEYS)
        yield from _entry(file, keys, entry)


def _check_names(file: YamlFile, keys: Keys, entry: dict[Any, Any], allowed: Collection[str]) -> None:
    for name in entry:
        if name not in allowed:
            raise file.problem((*keys, str(name)), "there is no such key", next_step=_choice(str(name), allowed))


def _choice(name: str, allowed: Collection[str]) -> str:
    """What to write instead."""
    like = nearest(name, allowed)
    return f"did you mean `{like[0]}`?" if like else f"use one of: {', '.join(allowed)}"


def _entry(file: YamlFile, keys: Keys, entry: dict[str, Any]) -> Iterator[Line]:
    provider = _provider(file, keys, entry)
    first, end = _dates(file, keys, entry)
    model = _text(file, keys, entry, "model")
    stem = model.removesuffix("%")
    if "%" in stem:
        raise file.problem((*keys, "model"), "`%` is not at the end", next_step="write a prefix and `%`, or a whole id")
    base = Price(
        provider=provider,
        connection_id=_text(file, keys, entry, "connection", ""),
        model=model,
        family=family_of(provider, model),
        meter="",
        service_tier=_tier(file, keys, entry),
        context_from=_whole(file, keys, entry, "context_from"),
        region=_text(file, keys, entry, "region", ""),
        host=_text(file, keys, entry, "host", ""),
        currency=_currency(file, keys, entry),
        amount=Decimal(0),
        per=Decimal(1),
        valid_from=first,
        valid_to=end,
    )
    meters = entry.get("meters")
    if not isinstance(meters, dict) or not meters:
        raise file.problem((*keys, "meters"), "no meter has a price", next_step="write `meters: {output_tokens: 1.60}`")
    per = _text(file, keys, entry, "per")
    for meter, amount in meters.items():
        of = (*keys, "meters", str(meter))
        if meter not in UNITS:
            raise file.problem(of, "there is no such meter", next_step=_choice(str(meter), UNITS))
        size = per_of(per, meter)
        if size is None:
            raise file.problem(
                (*keys, "per"), f"{meter} is not sold per {per!r}", next_step=f"write for example {units_of(meter)}"
            )
        yield Line(replace(base, meter=meter, amount=_amount(file, of, amount), per=size), file, of)


def _provider(file: YamlFile, keys: Keys, entry: dict[str, Any]) -> str:
    provider = _text(file, keys, entry, "provider")
    if provider in PROVIDERS:
        return provider
    what = f"there is no provider {provider!r}"
    raise file.problem((*keys, "provider"), what, next_step=_choice(provider, sorted(PROVIDERS)))


def _text(file: YamlFile, keys: Keys, entry: dict[str, Any], name: str, default: str | None = None) -> str:
    value = entry.get(name, default)
    if isinstance(value, str):
        return value
    what = "it is missing" if name not in entry else f"{value!r} is no text"
    raise file.problem((*keys, name), what, next_step=f"write `{name}: …`, in quotes where it is a number")


def _whole(file: YamlFile, keys: Keys, entry: dict[str, Any], name: str) -> int:
    value = entry.get(name, 0)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise file.problem(
        (*keys, name), f"{value!r} is no number of tokens", next_step="write a whole number, such as 200000"
    )


def _tier(file: YamlFile, keys: Keys, entry: dict[str, Any]) -> str:
    tier = _text(file, keys, entry, "tier", "standard")
    if TIER.fullmatch(tier):
        return tier
    raise file.problem(
        (*keys, "tier"),
        f"{tier!r} is no tier",
        next_step="write standard, batch, priority, flex, fast, or the vendor's",
    )


def _currency(file: YamlFile, keys: Keys, entry: dict[str, Any]) -> str:
    currency = _text(file, keys, entry, "currency")
    if currency in CURRENCIES:
        return currency
    raise file.problem(
        (*keys, "currency"), f"{currency!r} is no currency", next_step="write a code of ISO 4217, such as USD or EUR"
    )


def _amount(file: YamlFile, keys: Keys, value: Any) -> Decimal:
    amount = Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise file.problem(keys, f"{value!r} is no number", next_step="write the amount, such as 0.30")
    if amount < 0:
        raise file.problem(keys, f"the price {value} is negative", next_step="write a price of 0 or more")
    if round(amount, PLACES) != amount or amount >= 10**12:
        raise file.problem(keys, f"{value} has too many digits", next_step=f"write at most {PLACES} after the point")
    return amount


def _dates(file: YamlFile, keys: Keys, entry: dict[str, Any]) -> tuple[date, date]:
    dates = []
    for name, default in (("from", date.min), ("until", OPEN)):
        value = entry.get(name, default)
        if not isinstance(value, date) or isinstance(value, datetime):
            raise file.problem((*keys, name), f"{value!r} is no date", next_step="write it as 2026-11-30")
        dates.append(value)
    first, end = dates
    if first >= end:
        raise file.problem(
            (*keys, "until"),
            f"{end} is not after {first}, from which it holds",
            next_step="write the first date on which the price no longer holds",
        )
    return first, end


def _check_overlaps(lines: Iterable[Line]) -> None:
    by_key: dict[tuple[object, ...], list[Line]] = defaultdict(list)
    for line in lines:
        by_key[replace(line.price, per=Decimal(1)).key].append(line)
    for of_key in by_key.values():
        for one, other in pairwise(sorted(of_key, key=lambda line: line.price.valid_from)):
            if other.price.valid_from < one.price.valid_to:
                raise other.problem(
                    f"its dates overlap those of {one.place}",
                    next_step=f"end the earlier one by `until: {other.price.valid_from}`, or remove one of them",
                )
