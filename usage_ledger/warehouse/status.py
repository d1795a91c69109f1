"""What `usage-ledger status` asks the warehouse."""

from typing import Any

from sqlalchemy import Engine

from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.sql import statement

Record = dict[str, Any]


def connections(engine: Engine, connection_id: str | None = None) -> list[Record]:
    """The state of every known connection, or of one."""
    return _records(engine, "ops/status", connection_id)


def days(engine: Engine, connection_id: str) -> list[Record]:
    """A connection's dates, in runs of one state."""
    return _records(engine, "ops/status_days", connection_id)


def events(engine: Engine, connection_id: str) -> list[Record]:
    """The last week's events of a connection, ten at most."""
    return _records(engine, "ops/status_events", connection_id)


def _records(engine: Engine, name: str, connection_id: str | None) -> list[Record]:
    with transaction(engine) as cursor:
        cursor.execute(statement(name), {"connection_id": connection_id})
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
