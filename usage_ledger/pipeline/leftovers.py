"""What a run takes out of raw storage: leftovers of killed processes, what a wrong key landed, and old loads."""

import logging
from datetime import UTC, datetime

from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.provider_errors import WrongAccount
from usage_ledger.model.provider import Report
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import load_folder
from usage_ledger.storage.sweep import remove_loads, retract, sweep
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.outlived import outlived_loads

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


def sweep_report(connection: Connection, report: Report, *, engine: Engine, root: AnyPath) -> None:
    """Remove a report's leftovers and, by `keep_raw`, its old loads. A failure is only logged."""
    try:
        swept = sweep(root, connection.provider, connection.id, report.name, now=datetime.now(UTC))
        log.log(logging.INFO if swept else logging.DEBUG, "%s: swept %s folders of raw storage", report.name, swept)
        remove_old_loads(connection, report, engine=engine, root=root, now=datetime.now(UTC))
    except UsageLedgerError as error:
        log.warning("%s", error.about(connection=connection.id, report=report.name))


def remove_old_loads(connection: Connection, report: Report, *, engine: Engine, root: AnyPath, now: datetime) -> None:
    """Remove the loads that are older than `keep_raw`, but never one that the ledger stands on.

    A load stays while it is the newest of any of its dates, or a date of it is held or failed. Lists stay: the names
    of each day stand on the list of that day. So a rebuild gives the same figures. Raises `StorageRefused`,
    `StorageDown`, `WarehouseDown`.
    """
    if connection.keep_raw is None or report.snapshot:
        return
    before = now - connection.keep_raw
    removed, size = remove_loads(
        root,
        connection.provider,
        connection.id,
        report.name,
        lambda landed: outlived_loads(engine, connection.id, report.name, landed, before=before),
    )
    if removed:
        log.info(
            "%s: removed %s loads (%s bytes) from raw storage, fetched more than %s days ago and the newest of no date",
            *(report.name, removed, f"{size:,}", connection.keep_raw.days),
        )
