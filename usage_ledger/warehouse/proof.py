"""Exact sums, date by date, of the new rows and of the ledger: they prove each load, and show what fell."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.contracts.odcs import Contract
from usage_ledger.contracts.registry import sum_type
from usage_ledger.core import numbers
from usage_ledger.core.warehouse_errors import ConservationBroken
from usage_ledger.storage.staged import StagedRows
from usage_ledger.warehouse.comparison import Differences, values_of
from usage_ledger.warehouse.incoming import Incoming
from usage_ledger.warehouse.sql import statement

Sums = dict[str, Decimal]
"""Rows and each meter's sum; of money one sum per currency, as `amount USD`."""
DROP_SHARE = Decimal("0.8")
"""A person is told when a day's sum becomes less than this share of what it was."""


@dataclass(frozen=True)
class Figures:
    """The sums of one table by date before a load changes it, and the meters that have any."""

    table: Contract
    """The table with these meters alone."""
    ledger: Mapping[date, Sums]
    staged: Mapping[date, Sums]
    """Of all new rows, staged or equal to the ledger's, also of those that the answer says nothing of."""
    differences: Differences | None
    """The rows that are staged because the ledger does not have them; None where all are staged."""

    @property
    def are_equal(self) -> bool:
        """Whether the ledger has exactly the new rows, so that none are staged."""
        return self.differences is not None and not self.differences


def prove(
    cursor: Cursor, incoming: Incoming, figures: Mapping[str, Figures], dates: list[date], changed: Mapping[str, int]
) -> None:
    """Raw = Parquet = new rows, over the window; new rows = ledger, on each date that was replaced.

    A table whose rows are equal was compared byte by byte: its Parquet is added up. And no two reports' records fill
    one meter of one usage type on a date: their sum would count it twice. `changed`: the number of rows that were
    written by table; of one without any the sums are what they were.

    Raises `ConservationBroken`.
    """
    for name, before in figures.items():
        table = before.table
        count_once(cursor, incoming, table, dates)
        sent = before.staged
        if incoming.staged.scope and not before.are_equal:
            window = list(incoming.window)
            sent = sums_by_date(cursor, "load/sums_new", table, incoming, window, unasked=False)
        _equal(f"{name}: raw and staged rows", raw_sums(incoming, table), added(sent.values()))
        current = before.ledger
        if changed[name]:
            current = sums_by_date(cursor, "load/sums_ledger", table, incoming, dates)
        for day in dates:
            _equal(f"{name} of {day}: staged rows and ledger", before.staged.get(day, {}), current.get(day, {}))


def prove_filled(cursor: Cursor, incoming: Incoming, metered: Mapping[str, Contract]) -> dict[date, int]:
    """Raw = Parquet = ledger, over a window in which nothing stood; how many rows each date has.

    Raises `ConservationBroken`, also for what `prove` says of two reports.
    """
    dates = list(incoming.window)
    rows = dict.fromkeys(dates, 0)
    for name, table in metered.items():
        count_once(cursor, incoming, table, dates)
        current = sums_by_date(cursor, "load/sums_ledger", table, incoming, dates)
        _equal(f"{name}: raw and ledger", raw_sums(incoming, table), added(current.values()))
        for day, sums in current.items():
            rows[day] += int(sums["rows"])
    return rows


def raw_sums(incoming: Incoming, table: Contract) -> Sums:
    """What transform counted and summed of a table."""
    counted = incoming.staged.tables[table.table]
    return {"rows": Decimal(counted.rows), **{key: Decimal(value) for key, value in counted.sums.items()}}


def count_once(cursor: Cursor, incoming: Incoming, table: Contract, dates: list[date]) -> None:
    """Raises `ConservationBroken` where the records of two reports fill one meter of one usage type on a date."""
    meters = table.names("meter")
    if not meters:
        return
    filled: dict[tuple[date, str, str], str] = {}
    # The others first: mostly there are none, and nothing is to be compared.
    for name in ("load/records_of_others", "load/records"):
        cursor.execute(statement(name, table), incoming.values | {"dates": dates})
        filled_meters = [
            ((day, usage_type, meter), report)
            for day, usage_type, report, *counts in cursor.fetchall()
            for meter, count in zip(meters, counts, strict=True)
            if count
        ]
        if not filled_meters:
            return
        for (day, usage_type, meter), report in filled_meters:
            other = filled.setdefault((day, usage_type, meter), report)
            if name == "load/records" and other != report:
                raise ConservationBroken(
                    f"{other} and {report} both fill {meter} of {usage_type} on {day}: one must be a breakdown"
                )


def detect_drops(figures: Figures, dates: list[date]) -> dict[date, str]:
    """The dates with fewer units than before by more than a fifth, and which."""
    drops: dict[date, list[str]] = {}
    for day in figures.ledger.keys() & figures.staged.keys() & {*dates}:
        for key, old in figures.ledger[day].items():
            new = figures.staged[day].get(key, Decimal(0))
            if old > 0 and new < old * DROP_SHARE:
                drops.setdefault(day, []).append(f"{key} from {old:f} to {new:f}")
    return {day: "; ".join(texts) for day, texts in sorted(drops.items())}


def sums_by_date(
    cursor: Cursor,
    name: str,
    table: Contract,
    incoming: Incoming,
    dates: list[date],
    differences: Differences | None = None,
    *,
    unasked: bool = True,
) -> dict[date, Sums]:
    """The sums of a statement (`load/sums_new` or `load/sums_ledger`) for each date that has rows.

    Without `unasked` only of staged rows that came with the load. With `differences` the staged rows are those, and the
    ledger's that are neither among them nor gone.
    """
    values = incoming.values | {"dates": dates, "unasked": unasked} | values_of(differences)
    cursor.execute(statement(name, table), values)
    sums_of: dict[date, Sums] = {}
    for day, currency, rows, *sums in cursor.fetchall():
        of_day = sums_of.setdefault(day, {"rows": Decimal(0)})
        of_day["rows"] += rows
        for meter, total in zip(table.names("meter"), sums, strict=True):
            if total is not None:
                of_day[f"{meter} {currency}".strip()] = total
    return sums_of


def sums_of_rows(rows: StagedRows, table: Contract) -> dict[date, Sums]:
    """As `sums_by_date`, of rows that the ledger has exactly so."""
    meters, currency = table.names("meter"), [name for name in ("currency",) if name in table.names()]
    sums_of: dict[date, Sums] = {}
    for part in rows.tables(["usage_date", *currency, *meters]):
        fields = (field.with_type(sum_type(field.type)) if field.name in meters else field for field in part.schema)
        aggregates: Any = [([], "count_all"), *((name, "sum") for name in meters)]
        groups = part.cast(pa.schema(fields)).group_by(["usage_date", *currency]).aggregate(aggregates)
        for row in groups.to_pylist():
            totals = {f"{name} {row.get('currency', '')}".strip(): row[f"{name}_sum"] for name in meters}
            of_part = {key: total for key, total in totals.items() if total is not None}
            of_day = sums_of.get(row["usage_date"], {})
            sums_of[row["usage_date"]] = added([of_day, {"rows": Decimal(row["count_all"]), **of_part}])
    return sums_of


def rows_of(day: date, tables: Iterable[Mapping[date, Sums]]) -> int:
    """How many rows of all tables a date has."""
    return sum(int(sums[day]["rows"]) for sums in tables if day in sums)


def added(parts: Iterable[Sums]) -> Sums:
    """The sums of several dates as one."""
    total: Sums = {"rows": Decimal(0)}
    for part in parts:
        for key, value in part.items():
            total[key] = numbers.added(total.get(key, Decimal(0)), value)
    return total


def _equal(what: str, one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> None:
    differing = [key for key in sorted(one.keys() | other.keys()) if one.get(key) != other.get(key)]
    if differing:
        pairs = "; ".join(f"{key} {one.get(key)} and {other.get(key)}" for key in differing[:5])
        raise ConservationBroken(f"sums differ between {what} ({pairs})")
