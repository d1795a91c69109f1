"""Which landed loads the ledger does not stand on any more."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from usage_ledger.warehouse.loads import query


def outlived_loads(
    engine: Engine, connection_id: str, report: str, landed: Sequence[str], *, before: datetime
) -> list[str]:
    """Those of the landed loads that were fetched before an instant, and on which no date stands any more."""
    values = {"connection_id": connection_id, "report": report, "landed": list(landed), "before": before}
    return [load_id for (load_id,) in query(engine, "ops/outlived_loads", values)]
