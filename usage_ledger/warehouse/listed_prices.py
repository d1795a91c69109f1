"""A vendor's own price list, as it was on the date on which it was asked for."""

from datetime import date, timedelta
from decimal import Decimal

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.providers import PROVIDERS
from usage_ledger.storage.listed_price import ListedPrice
from usage_ledger.warehouse.days import tell
from usage_ledger.warehouse.incoming import Incoming
from usage_ledger.warehouse.price_book import OPEN, Price, record_prices
from usage_ledger.warehouse.sql import statement

RANK = 2
BEFORE = timedelta(days=31)
"""How long before its first reading a list is taken to have been the same: a backfill has no older one."""
EMPTY = "the provider's price list is empty; the prices that are known stay"
LOOK = "look at the provider's list; a list without prices says nothing of those that it had"


def record_list(cursor: Cursor, incoming: Incoming, *, already_committed: bool) -> int:
    """Write what a list says of the dates from its own to the next list's; how many rows of the price book changed.

    Of several lists of one date the newest counts. The first one counts for the `BEFORE` its date as well.
    """
    prices = incoming.staged.prices
    source = f"{incoming.connection_id}/{incoming.report}"
    cursor.execute(statement("load/prices_current"), {"origin": "list", "rank": RANK, "source": source})
    is_first = not cursor.rowcount
    if not prices:
        if not is_first and not already_committed:
            tell(cursor, incoming, "prices_absent", EMPTY, LOOK)
        return 0
    as_of = incoming.window.first
    cursor.execute(statement("load/prices_next"), incoming.values)
    ((following,),) = cursor.fetchall()
    if following is not None and following == as_of:
        return 0
    return record_prices(
        cursor,
        [_price(incoming, one, as_of) for one in prices],
        origin="list",
        rank=RANK,
        source=source,
        who="provider",
        load_id=incoming.load_id,
        as_of=as_of - BEFORE if is_first else as_of,
        until=following or OPEN,
    )


def _price(incoming: Incoming, one: ListedPrice, as_of: date) -> Price:
    return Price(
        incoming.provider,
        incoming.connection_id,
        one.model,
        PROVIDERS[incoming.provider].family(one.model),
        one.meter,
        one.tier,
        *(0, "", "", one.currency, Decimal(one.amount), Decimal(one.per), as_of),
    )
