"""A vendor's running totals: each snapshot, and whether a total grew as the rows of another report say."""

from datetime import datetime
from decimal import Decimal

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.warehouse.days import tell
from usage_ledger.warehouse.incoming import Incoming
from usage_ledger.warehouse.sql import statement

KIND = "running_total_differs"
ROUNDING = Decimal("0.000001")
REMEDY = (
    "compare these dates with the provider's console: rows may be missing, or more was charged than has rows; "
    "`marts.running_totals` has the figures"
)


def record_running_totals(cursor: Cursor, incoming: Incoming, *, already_committed: bool) -> None:
    """Store what a snapshot says, and compare the newest total that can be; a difference is an event, while it lasts.

    Nothing is held for it: a total that no row explains does not say which row is wrong.
    """
    for field, one in incoming.staged.running_totals.items():
        values = incoming.values | {"field": field, "total": Decimal(one.total), "of_report": one.report, "kind": KIND}
        cursor.execute(statement("load/running_total"), values)
        cursor.execute(statement("load/compare_running_total"), values)
        *compared, outdated = cursor.fetchone() or (True,)
        if outdated:  # nothing is compared, or a newer snapshot was: what that one says counts
            continue
        difference = _difference(*compared, field=field, report=one.report)
        cursor.execute(statement("load/has_open_event"), values)
        if not difference:
            cursor.execute(statement("load/close_kind"), values)
        elif cursor.fetchone() == (False,) and not already_committed:
            tell(cursor, incoming, KIND, difference, REMEDY)


def _difference(
    since: datetime, until: datetime, growth: Decimal, lowest: Decimal, highest: Decimal, *, field: str, report: str
) -> str:
    """How the growth is outside of what the rows say, as a sentence; '' when it is not."""
    if lowest - ROUNDING <= growth <= highest + ROUNDING:
        return ""
    rows = f"{lowest:f}" if lowest == highest else f"between {lowest:f} and {highest:f}"
    return f"{field} grew by {growth:f} from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC; {report} has {rows}"
