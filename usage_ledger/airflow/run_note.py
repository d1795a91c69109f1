"""Writes on a manual run which usage dates it takes: a task may not, the scheduler may."""

from datetime import UTC, datetime
from typing import Any

from usage_ledger.airflow.run_dates import dates_of_run, described
from usage_ledger.connections import find_connection
from usage_ledger.core.errors import UsageLedgerError

AUTOMATIC = ("scheduled", "backfill")
"""Types of runs whose logical date says it already."""
LONGEST = 1000
"""Characters of a note."""


def write_note(dag_run: Any, connection_id: str) -> None:
    """The run's usage dates, or why it will be refused, as the note on its page; a person's own note stays."""
    if dag_run.run_type in AUTOMATIC or dag_run.note:
        return
    try:
        connection = find_connection(connection_id)
        text = described(dates_of_run(connection, dag_run, dag_run.conf or {}, datetime.now(UTC)))
    except UsageLedgerError as error:
        text = str(error)
    dag_run.note = text[:LONGEST]
