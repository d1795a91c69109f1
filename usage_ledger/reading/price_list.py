"""The prices of a vendor's list, exact."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from usage_ledger.core import numbers
from usage_ledger.core.contract_errors import ContractBroken, Shape
from usage_ledger.json.document import document_of
from usage_ledger.model.dimension import Derived, Dimension
from usage_ledger.model.rows import PriceOf
from usage_ledger.reading.dimensions import resolve, text_column
from usage_ledger.reading.money import signed
from usage_ledger.reading.nested import Rows
from usage_ledger.storage.listed_price import ListedPrice
from usage_ledger.storage.staged import Note

STANDARD = "standard"
PLACES = 18
"""Decimal places of a price in the ledger."""
LEFT_OUT = {
    "no_price": "{count} prices of {model} are below 0: they depend on something that the list does not say",
    "unit": "the price of {model} is for the unit {unit!r}, which is not declared",
    "two": "the list has two prices for {meter} of {model}, {first} and {second}: which one holds is not said",
}
DECLARE = "declare the unit; `usage-ledger rebuild` then loads what was fetched meanwhile"


Key = tuple[str, str, str, str, str]
"""Model, meter, tier, currency, and how many units the amount is for."""


@dataclass
class PriceList:
    """The prices on the pages of a load, added to page by page, and what of them was left out."""

    _amounts: dict[Key, set[Decimal]] = field(default_factory=lambda: defaultdict(set))
    _others: dict[Key, set[Decimal]] = field(default_factory=lambda: defaultdict(set))
    """Of further ids: they count where the list has no entry of that id."""
    _units: set[tuple[str, str]] = field(default_factory=set)
    _depending: Counter[str] = field(default_factory=Counter)

    def gather(self, rows: Rows) -> None:
        """Add the prices of rows. Raises `Shape` and the number errors of `ContractBroken`."""
        for price in rows.row_set.prices:
            meters = _texts(rows, price.meter)
            columns = (_models(rows, price), meters, _texts(rows, price.tier or STANDARD), _texts(rows, price.per))
            for number, (models, meter, tier, per) in enumerate(zip(*columns, strict=True)):
                sent = bytes(rows.column(price.amount)[number])
                amount, currency = _amount(sent, f"{rows.place(number)}.{price.amount.replace('/', '.')}")
                if amount is None or not models or not meter:
                    continue
                if amount < 0:
                    self._depending[models[0]] += 1
                elif not per.isascii() or not per.isdigit() or not int(per):
                    self._units.add((models[0], per))
                else:
                    for model in models:
                        amounts = self._amounts if model == models[0] else self._others
                        amounts[model, meter, tier or STANDARD, currency or price.currency, per].add(amount)

    def prices(self) -> list[ListedPrice]:
        """The prices, each of which the list has once."""
        own = {model for model, *_ in self._amounts}
        others = ((key, amounts) for key, amounts in self._others.items() if key[0] not in own)
        return sorted(
            ListedPrice(*key, f"{amount:f}")
            for key, amounts in (*self._amounts.items(), *others)
            if len(amounts) == 1
            for amount in amounts
        )

    def notes(self) -> list[Note]:
        """What of the list is no price."""
        return [
            *(
                Note("left_out", LEFT_OUT["no_price"].format(model=model, count=count), severity="info")
                for model, count in sorted(self._depending.items())
            ),
            *(
                Note("price_left_out", LEFT_OUT["unit"].format(model=model, unit=unit), DECLARE)
                for model, unit in sorted(self._units)
            ),
            *(
                Note(
                    "price_left_out", LEFT_OUT["two"].format(model=model, meter=meter, first=min(two), second=max(two))
                )
                for (model, meter, *_), two in sorted(self._amounts.items())
                if len(two) > 1
            ),
        ]


def _texts(rows: Rows, part: str | Dimension | Derived) -> list[str]:
    if isinstance(part, str):
        return [part] * len(rows)
    texts: list[str] = resolve(text_column(rows, part), part, {}).to_pylist()
    return texts


def _models(rows: Rows, price: PriceOf) -> Iterator[list[str]]:
    """The ids of each row's model, none twice."""
    also = rows.column(price.also) if price.also else [b""] * len(rows)
    for model, more in zip(_texts(rows, price.model), also, strict=True):
        others = document_of(bytes(more), f"`{price.also}`") if bytes(more) else None
        ids = [model, *(others if isinstance(others, list) else ())]
        yield list(dict.fromkeys(one for one in ids if isinstance(one, str) and one))


def _amount(sent: bytes, where: str) -> tuple[Decimal | None, str]:
    """An amount and its currency, '' where it has none of its own; no amount where none was sent."""
    value: Any = None
    if sent.startswith(b"{"):
        value = document_of(sent, f"`{where}`")
        parts = (value.get("units"), value.get("nanos"))
        if all(isinstance(part, str | int | None) and not isinstance(part, bool) for part in parts):
            return numbers.money(*map(signed, parts)).normalize(numbers.EXACT), str(
                value.get("currencyCode") or ""
            ).upper()
    elif sent in (b"", b"null", b'""'):
        return None, ""
    elif sent[:1] not in b"[tf":
        text = msgspec.json.decode(sent, type=str) if sent.startswith(b'"') else sent.decode()
        try:
            return numbers.fit(numbers.decimal(text), 38, PLACES, exact=True).normalize(numbers.EXACT), ""
        except ContractBroken as error:
            raise type(error)(f"{where}: {error.what}") from None
    raise Shape(f"{where} is {sent[:40].decode(errors='replace')}, which is no amount")
