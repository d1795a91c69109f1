"""Records what each team's use of a day cost, so that nobody who asks has to wait until a bill is shared out."""

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.schema import ensure_schema
from usage_ledger.warehouse.sql import statement


def record_team_costs(engine: Engine, connection_id: str | None = None) -> int:
    """Share out the bills that were loaded, or whose owners changed, since the last time; how many rows changed.

    One transaction for each connection. What fails stays due, and a new bill counts as not recorded yet until then.
    """
    ensure_schema(engine)
    ids = in_transaction(engine, lambda cursor: _due(cursor, connection_id))
    return sum(in_transaction(engine, lambda cursor, one=one: _record(cursor, one)) for one in ids)  # type: ignore[misc]


def _due(cursor: Cursor, connection_id: str | None) -> list[str]:
    cursor.execute(statement("money/team_costs_connections"), {"connection_id": connection_id})
    return [row[0] for row in cursor.fetchall()]


def _record(cursor: Cursor, connection_id: str) -> int:
    cursor.execute(statement("money/team_costs_lock"), {"connection_id": connection_id})
    cursor.execute(statement("money/team_costs_record"), {"connection_id": connection_id})
    return int((cursor.fetchone() or (0,))[0])
