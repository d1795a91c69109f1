"""Load: merge validated Parquet into the ledger."""

import logging
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.contracts.registry import arrow_schema
from usage_ledger.core.errors import PersonMustAct
from usage_ledger.model.dimension import Lookup
from usage_ledger.model.provider import Report
from usage_ledger.reading.names import NAMES
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import load_folder
from usage_ledger.storage.released import released_dates
from usage_ledger.storage.staged import Staged, StagedRows, read_note, read_staged
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.incoming import Incoming, Outcome
from usage_ledger.warehouse.ledger import apply_load

log = logging.getLogger(__name__)

VALIDATED = ("validated", "loaded", "held", "superseded")


def load(connection: Connection, load_id: str, *, engine: Engine, root: AnyPath) -> Outcome:
    """Merge one load in one transaction; a repeated call changes nothing.

    Raises `PersonMustAct` for a load that was not validated, `StagedUnusable`, `ConservationBroken`, `WarehouseDown`.
    """
    attempt = loads.load_by_id(engine, load_id)
    report = connection.declared.report(attempt.report)
    zone = connection.day_zone(report)
    with loads.recorded(engine, attempt, step="load", day_zone=connection.days_of(report)) as step:
        if attempt.state not in VALIDATED or attempt.fetched_at is None:
            raise PersonMustAct(f"load {load_id} was not validated", next_step="run its transform and validate again")
        staged = read_note(root, load_id)
        outcome = apply_load(
            engine,
            Incoming(
                load_id=load_id,
                connection_id=connection.id,
                report=report.name,
                window=attempt.window,
                day_zone=zone,
                fetched_at=attempt.fetched_at,
                declaration=report.declaration(),
                lookback=timedelta(days=connection.lookback(report)),
                tables={name: _rows(root, staged, name) for name in report.tables},
                names=_names(root, staged) if NAMES in staged.tables else None,
                staged=staged,
                has_days=not report.snapshot,
                released=frozenset(released_dates(load_folder(root, attempt.manifest_uri or ""))),
                lookups=_lookups(report),
                yields_to=report.yields_to,
                yielding=connection.declared.yielding_to(report.name),
                provider=connection.provider,
            ),
        )
        step.rows = {name: table.rows for name, table in staged.tables.items()}
        step.counts.update(rows=outcome.rows, changed_rows=sum(outcome.changed.values()))
        step.changed, step.held, step.failed = outcome.changed, tuple(outcome.held), tuple(outcome.failed)
        log.info("%s %s: %s (load %s)", report.name, attempt.window, outcome, load_id)
        return outcome


def _lookups(report: Report) -> dict[str, tuple[str, ...]]:
    """The columns of each table that a lookup list fills."""
    columns: dict[str, tuple[str, ...]] = {}
    for row_set in report.row_sets:
        more = tuple(one.column for one in row_set.dimensions if isinstance(one, Lookup))
        columns[row_set.table] = tuple(dict.fromkeys((*columns.get(row_set.table, ()), *more)))
    return columns


def _names(root: AnyPath, staged: Staged) -> pa.Table:
    """The names of the dates that have not failed."""
    names = _rows(root, staged, NAMES).whole()
    failed = pa.array(list(staged.failed), pa.date32())
    return names.filter(pc.invert(pc.is_in(names.column("observed_on"), value_set=failed)))


def _rows(root: AnyPath, staged: Staged, table: str) -> StagedRows:
    return read_staged(root, staged, table, arrow_schema(table))
