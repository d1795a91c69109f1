"""Writes on a run which usage dates it takes: a task may not, the scheduler may.

The UI shows when a run was due, and names a backfill's runs by that too: a day after the usage date.
"""

from datetime import UTC, datetime
from typing import Any

from usage_ledger.airflow.run_dates import dates_of_run, described
from usage_ledger.connections import find_connection
from usage_ledger.core.errors import UsageLedgerError

LONGEST = 1000
"""Characters of a note."""


def write_note(dag_run: Any, connection_id: str) -> None:
    """The run's usage dates, or why it will be refused, as the note on its page; a person's own note stays."""
    if dag_run.note:
        return
    try:
        connection = find_connection(connection_id)
        text = described(dates_of_run(connection, dag_run, dag_run.conf or {}, datetime.now(UTC)))
    except UsageLedgerError as error:
        text = str(error)
    dag_run.note = text[:LONGEST]
