"""The load transaction: makes every usage date of a window equal to the staged rows, or changes nothing.

Under the advisory locks of connection and report: compare, stage what differs, hold what vanished, skip what failed or
is older than the ledger, write restatements, delete, update, insert, record the days, prove the sums, commit. Into
dates of which nothing is known the rows are copied, and proved, without a stage.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pyarrow as pa
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.contracts.odcs import Contract
from usage_ledger.contracts.registry import contract
from usage_ledger.core import crash
from usage_ledger.core.warehouse_errors import ConservationBroken
from usage_ledger.storage.staged import StagedRows
from usage_ledger.warehouse.comparison import Differences, compare, values_of
from usage_ledger.warehouse.copy import constants, copy_csv, copy_rows, rows_have, stage_encoded
from usage_ledger.warehouse.days import DayState, accepted, day_states, record_days, tell
from usage_ledger.warehouse.drift import refuse_drift
from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.events import add_event, close_failures
from usage_ledger.warehouse.failures import Attempt, record_failed_dates
from usage_ledger.warehouse.incoming import Incoming, Outcome
from usage_ledger.warehouse.listed_prices import record_list
from usage_ledger.warehouse.loads import execute
from usage_ledger.warehouse.models import record_models
from usage_ledger.warehouse.proof import Figures, detect_drops, prove, prove_filled, rows_of, sums_by_date, sums_of_rows
from usage_ledger.warehouse.record import dates_gained, has_rows, lock_reports, move_record, yield_staged
from usage_ledger.warehouse.running_totals import record_running_totals
from usage_ledger.warehouse.silence import keep_lookups, stage_unasked
from usage_ledger.warehouse.sql import defaults, statement

FELL = "the new figures are loaded and the old ones kept in ops.restatement; ask the provider if it is no correction"


def apply_load(engine: Engine, incoming: Incoming) -> Outcome:
    """Bring a staged load into the ledger, whole. Raises `ConservationBroken`, `WarehouseDown`, `WarehouseRefused`."""
    crash.point("load")
    months = {day.replace(day=1) for day in incoming.window}
    for table in incoming.tables:
        for month in sorted(months):
            values = {"fact": table, "month": month}
            execute(engine, "ops/ensure_month", values)
    crash.point("load")  # the months are there, the rows are not
    outcome = in_transaction(engine, lambda cursor: _enter(cursor, incoming))
    crash.point("load")  # committed, and nobody was told
    return outcome


def _enter(cursor: Cursor, incoming: Incoming) -> Outcome:
    values = incoming.values
    lock_reports(cursor, incoming)
    crash.point("load")
    named = [] if incoming.names is None else ["name_observation"]
    refuse_drift(cursor, map(contract, (*incoming.tables, *named)))
    cursor.execute(statement("load/state"), values)
    already_committed = cursor.fetchone() in [("loaded",), ("held",), ("superseded",)]  # its events are written
    outcome = Outcome("loaded")
    if incoming.has_days:
        states = day_states(cursor, incoming)
        current = has_rows(cursor, incoming, incoming.report, incoming.yields_to)
        if states or incoming.staged.mismatch or incoming.staged.failed or current:
            _replace_days(cursor, incoming, states, outcome, already_committed=already_committed)
        else:
            _fill_days(cursor, incoming, outcome)
    if incoming.names is not None:
        outcome.changed["name"] = _names(cursor, incoming, incoming.names)
    record_models(cursor, incoming)
    for note in () if already_committed else incoming.staged.notes:
        add_event(
            cursor,
            incoming.connection_id,
            kind=note.kind,
            severity=note.severity,
            message=note.message,
            next_step=note.next_step,
            report=incoming.report,
            load_id=incoming.load_id,
            once=True,
        )
    record_running_totals(cursor, incoming, already_committed=already_committed)
    if incoming.staged.prices is not None:
        outcome.changed["price"] = record_list(cursor, incoming, already_committed=already_committed)
    crash.point("load")  # before the load is recorded
    _end_load(cursor, incoming, outcome)
    crash.point("load")  # before COMMIT
    return outcome


def _end_load(cursor: Cursor, incoming: Incoming, outcome: Outcome) -> None:
    """Record how the load ended, in its own row and its report's; one that left out failed dates has their error."""
    sums = {name: {"rows": table.rows, **table.sums} for name, table in incoming.staged.tables.items()}
    error = outcome.error
    ended = incoming.values | {
        "state": outcome.state,
        "row_count": outcome.rows,
        "sums": json.dumps(sums),
        "error_class": type(error).__name__ if error else None,
        "error_message": str(error) if error else None,
    }
    cursor.execute(statement("load/finish"), ended)
    cursor.execute(statement("load/finish_report"), ended)
    if outcome.state == "loaded" and not outcome.error:
        close_failures(cursor, incoming)


def _fill_days(cursor: Cursor, incoming: Incoming, outcome: Outcome) -> None:
    """Copy the rows straight into the ledger: without current rows and day states, nothing can change or vanish."""
    metered: dict[str, Contract] = {}
    for name, rows in incoming.tables.items():
        table = contract(name)
        metered[name] = _metered(table, rows_have(rows, table.names("meter")))
        blank = {name for name, value in constants(rows).items() if value == table.column(name).default}
        sent = [column for column in rows.schema.names if column not in blank]
        copy_rows(cursor, table, rows, sent, into="table")
        outcome.changed[name] = rows.num_rows
        crash.point("load")
        move_record(cursor, incoming, table, list(incoming.window))
    filled = prove_filled(cursor, incoming, metered)
    crash.point("load")  # before the days
    record_days(cursor, incoming, incoming.window, {}, filled)
    outcome.rows = sum(filled.values())
    crash.point("load")


def _replace_days(
    cursor: Cursor, incoming: Incoming, states: Mapping[date, DayState], outcome: Outcome, *, already_committed: bool
) -> None:
    """Compare the rows with the ledger's, and make each accepted date equal to them."""
    figures, unasked = _compare_tables(cursor, incoming)
    # Rows of which the answer says nothing decide nothing.
    tables = figures.values()
    staged_rows = {day: rows_of(day, (one.staged for one in tables)) - unasked[day] for day in incoming.window}
    current_rows = {day: rows_of(day, (one.ledger for one in tables)) - unasked[day] for day in incoming.window}
    outcome.rows = sum(staged_rows.values())
    dates = accepted(cursor, incoming, states, staged_rows, current_rows, outcome, already_committed=already_committed)
    for name, of_table in figures.items():
        outcome.changed[name] = _replace(cursor, contract(name), of_table, incoming, dates)
        move_record(cursor, incoming, contract(name), dates)
    crash.point("load")
    record_days(cursor, incoming, dates, states, {day: rows + unasked[day] for day, rows in staged_rows.items()})
    crash.point("load")  # before the proof
    prove(cursor, incoming, figures, dates, outcome.changed)
    crash.point("load")
    outcome.error = incoming.error_of(outcome.failed)
    if outcome.error and not already_committed:
        day_zone, fetched_at = incoming.day_zone.key, incoming.fetched_at
        attempt = Attempt(incoming.connection_id, incoming.report, incoming.load_id, day_zone, fetched_at)
        by_date, next_step = outcome.error.by_date, outcome.error.next_step
        record_failed_dates(cursor, attempt, by_date, next_step=next_step, step="load")
    if outcome.held:
        outcome.state = "held"
    elif not dates:  # of failed dates alone there is no load
        outcome.state = "superseded"


def _compare_tables(cursor: Cursor, incoming: Incoming) -> tuple[dict[str, Figures], Counter[date]]:
    """The sums of every table, in the ledger and of the new rows, of which those that differ are staged; and by date
    the number of rows that the answer says nothing of."""
    figures: dict[str, Figures] = {}
    unasked = Counter[date]()
    for name, rows in incoming.tables.items():
        table, window = contract(name), list(incoming.window)
        meters = rows_have(rows, table.names("meter"))
        differences = compare(cursor, incoming, table)
        if differences is not None and not differences:
            metered = _metered(table, meters)
            sums = sums_of_rows(rows, metered)
            figures[name] = Figures(metered, sums, sums, differences)
            continue
        sums = sums_by_date(cursor, "load/sums_ledger", table, incoming, window)
        metered = _metered(table, meters | {key.partition(" ")[0] for of_day in sums.values() for key in of_day})
        _stage(cursor, table, rows, differences)
        yield_staged(cursor, incoming, table)
        keep_lookups(cursor, incoming, table)
        unasked += stage_unasked(cursor, incoming, table)
        staged = sums_by_date(cursor, "load/sums_new", metered, incoming, window, differences)
        figures[name] = Figures(metered, sums, staged, differences)
    return figures, unasked


def _stage(cursor: Cursor, table: Contract, rows: StagedRows, differences: Differences | None) -> None:
    """Stage the rows, or those alone that the ledger does not have."""
    cursor.execute(statement("load/stage", table))
    alike = constants(rows)
    if alike:
        cursor.execute(defaults(table, alike), alike)
    if differences is None:
        copy_rows(cursor, table, rows, [name for name in rows.schema.names if name not in alike], into="stage")
    else:
        stage_encoded(cursor, table, differences.rows, differences.columns)
    crash.point("load")
    for name in ("load/sample", "load/analyze"):
        cursor.execute(statement(name, table))


def _metered(table: Contract, meters: set[str]) -> Contract:
    """The contract with these meters alone: most loads have a few, and each is added up several times."""
    return replace(table, columns=tuple(one for one in table.columns if one.role != "meter" or one.name in meters))


def _replace(cursor: Cursor, table: Contract, figures: Figures, incoming: Incoming, dates: list[date]) -> int:
    """Make the dates equal to the staged rows; how many rows were written or removed."""
    if figures.are_equal:
        return 0
    values = incoming.values | {"dates": dates}
    cursor.execute(statement("load/differences", table), values | values_of(figures.differences))
    differing = cursor.rowcount
    if not differing:
        return 0
    restated = 0
    if figures.table.names("meter"):
        compared = sorted({*dates} - dates_gained(cursor, incoming, table, dates))  # the others: `move_record`
        of_table = {"dates": compared, "table_name": table.table}
        cursor.execute(statement("load/restatements", figures.table), values | of_table)
        restated = cursor.rowcount
    if restated:
        for day, what in detect_drops(figures, dates).items():
            tell(cursor, incoming, "figures_dropped", f"{day} fell: {what}", FELL, day)
    changed = 0
    for name in ("load/delete", "load/update", "load/insert"):
        cursor.execute(statement(name, table), values)
        changed += cursor.rowcount
        crash.point("load")  # between delete, update and insert
    if changed != differing:  # a row that somebody else moves is no longer where it was
        what = f"{differing} rows of {table.table} were to be written, and {changed} were"
        raise ConservationBroken(f"{what}: something else writes the ledger's rows of this report")
    return changed


def _names(cursor: Cursor, incoming: Incoming, names: pa.Table) -> int:
    cursor.execute(statement("load/names_lock"), incoming.values)
    cursor.execute(statement("load/names_stage"))
    stamp = pa.repeat(pa.scalar(incoming.fetched_at, pa.timestamp("us", tz="UTC")), names.num_rows)
    stamped = names.append_column("fetched_at", stamp)
    copy_csv(cursor, statement("load/names_copy", contract("name_observation")), stamped)
    cursor.execute(statement("load/names_observe"))
    cursor.execute(statement("load/names_interval"))
    cursor.execute(statement("load/names_delete"))
    changed = cursor.rowcount
    cursor.execute(statement("load/names_insert"))
    return changed + cursor.rowcount
