"""What a connection metered and was charged in a range of dates, by any columns of the ledger, and how whole it is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from psycopg2 import sql
from sqlalchemy import Engine

from usage_ledger.contracts.registry import contract
from usage_ledger.core.windows import Window
from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.sql import statement, text

KEY_NAME = "api_key_name"
"""No column of the ledger: the key's name on the day."""
UNCACHED = "uncached_input_tokens"
Number = int | Decimal


@dataclass(frozen=True)
class Slice:
    """The rows of a connection: its dates, and the cut of the traffic. `''` is the record."""

    connection_id: str
    window: Window
    breakdown: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """The bind parameters."""
        ids = {"connection_id": self.connection_id, "breakdown": self.breakdown}
        return ids | {"first": self.window.first, "end": self.window.end}


@dataclass(frozen=True)
class Metered:
    """The sums of a date's rows that are equal in the chosen columns. A meter is None where no row has it."""

    usage_date: date
    start: datetime
    end: datetime
    columns: Mapping[str, str]
    """Every dimension: '' where the group's rows differ in one that was not chosen."""
    meters: Mapping[str, Number | None]


@dataclass(frozen=True)
class DayState:
    """What the ledger holds of a report's date. `day_zone` is None for a date that it knows nothing of."""

    report: str
    usage_date: date
    state: str
    settled: bool
    day_zone: str | None


def dimensions() -> tuple[str, ...]:
    """The columns by which usage can be grouped, and the name of a key."""
    return (*contract("usage_daily").names("dimension"), KEY_NAME)


def meters() -> tuple[str, ...]:
    """The meters in their order, and next to cached input that which was not."""
    names = list(contract("usage_daily").names("meter"))
    names.insert(names.index("cached_input_tokens") + 1, UNCACHED)
    return tuple(names)


def metered(
    engine: Engine, rows: Slice, usage_type: str, group: Sequence[str], filters: Mapping[str, Sequence[str]]
) -> list[Metered]:
    """What was metered of a usage type, by date and columns; of a filter's values, any counts, and of filters all.

    KeyError for a column that is none.
    """
    if strange := {*group, *filters} - set(dimensions()):
        raise KeyError(*strange)
    values = rows.values | {"usage_type": usage_type, "named": KEY_NAME in (*group, *filters)}
    values |= {f"only_{column}": list(words) for column, words in filters.items()}
    query = _metered(group, filters)
    return [_row(record) for record in _records(engine, query, values)]


def billed(engine: Engine, rows: Slice) -> list[dict[str, Any]]:
    """The lines of the bill over all dates of the slice."""
    return _records(engine, statement("usage/billed"), rows.values)


def usage_types(engine: Engine, rows: Slice) -> list[str]:
    """The usage types that have rows."""
    return [record["usage_type"] for record in _records(engine, statement("usage/usage_types"), rows.values)]


def day_states(engine: Engine, rows: Slice, reports: Iterable[str]) -> list[DayState]:
    """The state of every date of the slice for each of these reports that the connection fetches."""
    values = rows.values | {"reports": list(reports)}
    return [DayState(**record) for record in _records(engine, statement("usage/days"), values)]


def _metered(group: Sequence[str], filters: Iterable[str]) -> sql.Composable:
    comma, names = sql.SQL(", "), [sql.Identifier(name) for name in group]
    single = "CASE WHEN min({0}) = max({0}) THEN min({0}) ELSE '' END AS {0}"
    sums = [
        sql.SQL("sum({0}) AS {0}" if column.additive else "CASE WHEN count(*) = 1 THEN max({0}) END AS {0}").format(
            sql.Identifier(column.name)
        )
        for column in contract("usage_daily").columns
        if column.role == "meter"
    ]
    conditions = [
        sql.SQL("{} = ANY ({})").format(sql.Identifier(name), sql.Placeholder(f"only_{name}")) for name in filters
    ]
    return sql.SQL(text("usage/metered")).format(
        values=comma.join(sql.SQL(single).format(sql.Identifier(name)) for name in dimensions()),
        sums=comma.join(sums),
        conditions=sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true"),
        groups=comma.join([sql.Identifier("usage_date"), *names]),
    )


def _row(record: Mapping[str, Any]) -> Metered:
    whole = {column.name for column in contract("usage_daily").columns if column.type == "bigint"} | {UNCACHED}
    amounts = {name: record[name] for name in meters()}
    return Metered(
        record["usage_date"],
        record["bucket_start"],
        record["bucket_end"],
        {name: record[name] for name in dimensions()},
        {name: int(x) if x is not None and name in whole else x for name, x in amounts.items()},
    )


def _records(engine: Engine, query: sql.Composable, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    with transaction(engine) as cursor:
        cursor.execute(query, values)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
