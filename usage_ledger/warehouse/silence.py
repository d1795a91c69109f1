"""What an answer says nothing of stays as the ledger has it.

A thing of a list, such as a key, that was not asked for has no rows in the answer: its rows are staged again from the
ledger. A lookup list that gives no value for a row, because it cannot be read or a thing is gone from it, takes away
none that it gave before.
"""

import json
from collections import Counter
from datetime import date

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.contracts.odcs import Contract
from usage_ledger.warehouse.incoming import Incoming
from usage_ledger.warehouse.sql import of_columns


def stage_unasked(cursor: Cursor, incoming: Incoming, table: Contract) -> Counter[date]:
    """Stage the ledger's rows of things that were not asked for; how many by date."""
    if incoming.staged.scope is None:
        return Counter()
    columns, things = incoming.staged.scope
    values = incoming.values | {"things": list(map(json.dumps, things))}
    cursor.execute(of_columns("load/stage_unasked", table, *columns), values)
    return Counter(day for (day,) in cursor.fetchall())


def keep_lookups(cursor: Cursor, incoming: Incoming, table: Contract) -> None:
    """Fill what a lookup gave no value for with what the ledger has in the row."""
    for column in incoming.lookups.get(table.table, ()):
        cursor.execute(of_columns("load/keep_lookup", table, column), incoming.values)
