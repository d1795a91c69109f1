"""Reads the dated file of public prices, which `make prices` writes."""

import csv
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from usage_ledger.core.errors import ConfigError
from usage_ledger.warehouse.price_book import OPEN, Price

CURRENCY = "USD"
"""What both catalogues count in."""
RANKS = {"genai-prices": 4, "LiteLLM": 5}
"""The sources in the file: the one with exact decimals and dates before the one without."""


def catalogue_file(folder: Path) -> Path | None:
    """The newest file of public prices; None where there is none."""
    return max(folder.glob("catalogue-*.csv"), default=None)


def read_catalogue(path: Path) -> dict[str, list[Price]]:
    """The prices of each source in the file. Raises `ConfigError`."""
    prices: dict[str, list[Price]] = {source: [] for source in RANKS}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(_data(file)):
                prices[row["source"]].append(_price(row))
    except (OSError, ValueError, KeyError, TypeError, InvalidOperation, csv.Error) as error:
        raise ConfigError(
            f"{path.name} cannot be read as a file of public prices: {error!r}", next_step="write it with `make prices`"
        ) from None
    return prices


def _data(lines: Iterable[str]) -> Iterator[str]:
    return (line for line in lines if not line.startswith("#"))


def _price(row: dict[str, str]) -> Price:
    return Price(
        provider=row["provider"],
        connection_id="",
        model=row["model"],
        family="",
        meter=row["meter"],
        service_tier=row["service_tier"] or "standard",
        context_from=int(row["context_from"] or 0),
        region=row["region"],
        host="",
        currency=CURRENCY,
        amount=Decimal(row["amount"]),
        per=Decimal(row["per"] or 1000000),
        valid_from=date.fromisoformat(row["valid_from"]) if row["valid_from"] else date.min,
        valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else OPEN,
    )
