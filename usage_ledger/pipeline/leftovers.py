"""What a run takes out of raw storage: leftovers of killed processes, and what another account's key landed."""

import logging
from datetime import UTC, datetime

from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.provider_errors import WrongAccount
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import load_folder
from usage_ledger.storage.sweep import retract, sweep
from usage_ledger.warehouse import loads

log = logging.getLogger(__name__)


def retract_foreign(load_ids: list[str], error: UsageLedgerError | None, *, engine: Engine, root: AnyPath) -> None:
    """Take back what the key of another account landed before an answer told whose it is."""
    if not isinstance(error, WrongAccount):
        return
    for load_id in load_ids:
        load = loads.load_by_id(engine, load_id)
        retract(load_folder(root, load.manifest_uri or ""))
        loads.fail(engine, load, error)
    load_ids.clear()


def sweep_report(connection: Connection, report: str, root: AnyPath) -> None:
    try:
        swept = sweep(root, connection.provider, connection.id, report, now=datetime.now(UTC))
    except UsageLedgerError as error:
        log.warning("%s", error.about(connection=connection.id, report=report))  # the run's own loads are landed
    else:
        log.log(logging.INFO if swept else logging.DEBUG, "%s: swept %s folders of raw storage", report, swept)
