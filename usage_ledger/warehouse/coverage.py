"""How far each report of a connection has come."""

from datetime import date
from typing import NamedTuple

from sqlalchemy import Engine

from usage_ledger.warehouse.loads import query


class NewestDate(NamedTuple):
    """Of a report: the time zone of its days, the newest date that is loaded or empty, and how many are held."""

    report: str
    day_zone: str
    newest: date | None
    held: int


def newest_dates(engine: Engine, connection_id: str) -> list[NewestDate]:
    """One for each report that has days. Raises `WarehouseDown`."""
    return [NewestDate(*row) for row in query(engine, "ops/newest_dates", {"connection_id": connection_id})]
