"""Exact sums, date by date, of the staged rows and of the ledger: they prove each load, and show what fell."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.contracts.odcs import Contract
from usage_ledger.core.numbers import added
from usage_ledger.core.warehouse_errors import ConservationBroken
from usage_ledger.warehouse.incoming import Incoming
from usage_ledger.warehouse.sql import statement

Sums = dict[str, Decimal]
"""Rows and each meter's sum; of money one sum per currency, as `amount USD`."""
DROP_SHARE = Decimal("0.8")
"""A person is told when a day's sum becomes less than this share of what it was."""


def prove(cursor: Cursor, incoming: Incoming, metered: Mapping[str, Contract], dates: list[date]) -> None:
    """Raw = Parquet = staged rows, over the window; staged rows = ledger, on each date that was replaced.

    And no two reports' records fill one meter of one usage type on a date: their sum would count it twice.

    Raises `ConservationBroken`.
    """
    for name, table in metered.items():
        _counted_once(cursor, incoming, table, dates)
        window = list(incoming.window)
        sent = sums_by_date(cursor, "load/sums_staged", table, incoming, window, unasked=False)
        _equal(f"{name}: raw and staged rows", _raw(incoming, name), _added(sent.values()))
        staged = sums_by_date(cursor, "load/sums_staged", table, incoming, dates) if incoming.staged.scope else sent
        current = sums_by_date(cursor, "load/sums_ledger", table, incoming, dates)
        for day in dates:
            _equal(f"{name} of {day}: staged rows and ledger", staged.get(day, {}), current.get(day, {}))


def prove_filled(cursor: Cursor, incoming: Incoming, metered: Mapping[str, Contract]) -> dict[date, int]:
    """Raw = Parquet = ledger, over a window in which nothing stood; how many rows each date has.

    Raises `ConservationBroken`, also for what `prove` says of two reports.
    """
    dates = list(incoming.window)
    rows = dict.fromkeys(dates, 0)
    for name, table in metered.items():
        _counted_once(cursor, incoming, table, dates)
        current = sums_by_date(cursor, "load/sums_ledger", table, incoming, dates)
        _equal(f"{name}: raw and ledger", _raw(incoming, name), _added(current.values()))
        for day, sums in current.items():
            rows[day] += int(sums["rows"])
    return rows


def _raw(incoming: Incoming, name: str) -> Sums:
    """What transform counted and summed of a table."""
    counted = incoming.staged.tables[name]
    return {"rows": Decimal(counted.rows), **{key: Decimal(value) for key, value in counted.sums.items()}}


def _counted_once(cursor: Cursor, incoming: Incoming, table: Contract, dates: list[date]) -> None:
    meters = table.names("meter")
    if not meters:
        return
    filled: dict[tuple[date, str, str], str] = {}
    for own in (False, True):  # the others first: mostly there are none, and nothing is to be compared
        cursor.execute(statement("load/records", table), incoming.values | {"dates": dates, "own": own})
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
            if own and other != report:
                raise ConservationBroken(
                    f"{other} and {report} both fill {meter} of {usage_type} on {day}: one must be a breakdown"
                )


def detect_drops(cursor: Cursor, table: Contract, incoming: Incoming, dates: list[date]) -> dict[date, str]:
    """Before anything is replaced: the dates with fewer units than before by more than a fifth, and which."""
    before = sums_by_date(cursor, "load/sums_ledger", table, incoming, dates)
    after = sums_by_date(cursor, "load/sums_staged", table, incoming, dates)
    drops: dict[date, list[str]] = {}
    for day in before.keys() & after.keys():
        for key, old in before[day].items():
            new = after[day].get(key, Decimal(0))
            if old > 0 and new < old * DROP_SHARE:
                drops.setdefault(day, []).append(f"{key} from {old:f} to {new:f}")
    return {day: "; ".join(texts) for day, texts in sorted(drops.items())}


def sums_by_date(
    cursor: Cursor, name: str, table: Contract, incoming: Incoming, dates: list[date], *, unasked: bool = True
) -> dict[date, Sums]:
    """The sums of a statement (`load/sums_staged` or `load/sums_ledger`) for each date that has rows.

    Without `unasked` only of staged rows that came with the load.
    """
    cursor.execute(statement(name, table), incoming.values | {"dates": dates, "unasked": unasked})
    sums_of: dict[date, Sums] = {}
    for day, currency, rows, *sums in cursor.fetchall():
        of_day = sums_of.setdefault(day, {"rows": Decimal(0)})
        of_day["rows"] += rows
        for meter, total in zip(table.names("meter"), sums, strict=True):
            if total is not None:
                of_day[f"{meter} {currency}".strip()] = total
    return sums_of


def _added(parts: Iterable[Sums]) -> Sums:
    total: Sums = {"rows": Decimal(0)}
    for part in parts:
        for key, value in part.items():
            total[key] = added(total.get(key, Decimal(0)), value)
    return total


def _equal(what: str, one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> None:
    differing = [key for key in sorted(one.keys() | other.keys()) if one.get(key) != other.get(key)]
    if differing:
        pairs = "; ".join(f"{key} {one.get(key)} and {other.get(key)}" for key in differing[:5])
        raise ConservationBroken(f"sums differ between {what} ({pairs})")
