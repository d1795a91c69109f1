"""When the ledger's dates were last read."""

from datetime import date, datetime

from sqlalchemy import Engine

from usage_ledger.warehouse.loads import query


def read_at(engine: Engine, connection_id: str, report: str) -> dict[date, datetime]:
    """For each date that is loaded, empty or held, when the answer was asked for that confirmed it last."""
    return dict(query(engine, "ops/read_at", {"connection_id": connection_id, "report": report}))
