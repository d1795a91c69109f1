"""Brings the price book up to date with the files of prices."""

import getpass
from dataclasses import replace

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.core.project import prices_folder
from usage_ledger.money.catalogue import RANKS, catalogue_file, read_catalogue
from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.price_book import Price, record_prices
from usage_ledger.warehouse.schema import ensure_schema


def apply_prices(engine: Engine) -> list[str]:
    """Make the price book say what the files say; a line for each source that changed it. Raises `ConfigError`."""
    ensure_schema(engine)
    path = catalogue_file(prices_folder())
    if path is None:
        return []
    listed = read_catalogue(path)

    def work(cursor: Cursor) -> list[str]:
        done = []
        for source, rank in RANKS.items():
            rows = [replace(row, family=family_of(row)) for row in listed[source]]
            count = record_prices(cursor, rows, origin="catalogue", rank=rank, source=source, who=getpass.getuser())
            if count:
                done.append(f"{source} in {path.name}: {count} rows of the price book changed")
        return done

    return in_transaction(engine, work)


def family_of(price: Price) -> str:
    """The family that a price of one id is for; '' for a prefix."""
    return "" if price.model.endswith("%") else price.model
