"""Which of two reports is the record of a usage date, where one yields to the other.

The rows of the yielding report are the record of a date and usage type while the ledger has no rows of the preferred
report there, else another cut whose breakdown is their report's name. Each load of either settles that for its own
dates, under the locks of both, so that the end is the same in whatever order they come.
"""

from datetime import date
from decimal import Decimal

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.contracts.odcs import Contract
from usage_ledger.contracts.registry import contract
from usage_ledger.warehouse.days import tell
from usage_ledger.warehouse.incoming import Incoming
from usage_ledger.warehouse.proof import DROP_SHARE
from usage_ledger.warehouse.sql import statement

COMPARE = "compare the two reports; figures may settle with the next readings, and `rebuild` reads both again"


def lock_reports(cursor: Cursor, incoming: Incoming) -> None:
    """One writer at a time for a connection's report and those that decide with it; in one order for all."""
    for report in sorted({incoming.report, incoming.yields_to, *incoming.yielding} - {""}):
        cursor.execute(statement("load/lock"), incoming.values | {"report": report})


def has_rows(cursor: Cursor, incoming: Incoming, *reports: str) -> bool:
    """Whether the ledger has any row of these reports in the window."""
    for name in incoming.tables:
        for report in filter(None, reports):
            cursor.execute(statement("load/has_rows", contract(name)), incoming.values | {"report": report})
            if cursor.fetchone() == (True,):
                return True
    return False


def yield_staged(cursor: Cursor, incoming: Incoming, table: Contract) -> None:
    """Make staged rows another cut where the report that they yield to is the record."""
    if incoming.yields_to:
        cursor.execute(statement("load/yield_staged", table), incoming.values | {"yields_to": incoming.yields_to})


def dates_gained(cursor: Cursor, incoming: Incoming, table: Contract, dates: list[date]) -> set[date]:
    """The dates on which staged rows become the record in place of another report's: no restatement of this one."""
    if not incoming.yielding:
        return set()
    cursor.execute(statement("load/record_gained", table), _values(incoming, table, dates))
    return {day for (day,) in cursor.fetchall()}


def move_record(cursor: Cursor, incoming: Incoming, table: Contract, dates: list[date]) -> None:
    """Settle the breakdown of the rows that yield to this report, once its own are in the ledger.

    Figures of the record that differ by it go to `ops.restatement`, with the cause `record`.
    """
    if not incoming.yielding:
        return
    values = _values(incoming, table, dates)
    cursor.execute(statement("load/restate_gained", table), values)
    drops: dict[date, list[str]] = {}
    for day, meter, old, new in cursor.fetchall():
        if old > 0 and (new or 0) < old * DROP_SHARE:
            drops.setdefault(day, []).append(f"{meter} from {old.normalize():f} to {Decimal(new or 0).normalize():f}")
    for day, texts in sorted(drops.items()):
        fell = f"{day} fell, now that {incoming.report} is the record: {'; '.join(sorted(texts))}"
        tell(cursor, incoming, "figures_dropped", fell, COMPARE, day)
    cursor.execute(statement("load/restate_returned", table), values)
    cursor.execute(statement("load/move_record", table), values)


def _values(incoming: Incoming, table: Contract, dates: list[date]) -> dict[str, object]:
    more = {"dates": dates, "table_name": table.table, "yielding": list(incoming.yielding)}
    return incoming.values | more
