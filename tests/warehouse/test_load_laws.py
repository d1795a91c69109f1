"""What one load does to the ledger, row by row, date by date; loads made by hand."""

import io
import itertools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kit.landed_by_hand import Account, sent
from kit.staged_loads import DAY, T0, Desk, called, charged, used
from sqlalchemy import Engine

from usage_ledger.core.contract_errors import ContractBroken, ValidationFailed
from usage_ledger.core.errors import ConfigError, PersonMustAct
from usage_ledger.core.storage_errors import StagedUnusable
from usage_ledger.core.warehouse_errors import ConservationBroken
from usage_ledger.core.windows import Window
from usage_ledger.storage.staged import Note, StagedRows, open_table
from usage_ledger.storage.table_writer import write_table
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.announcements import Unannounced, mark_announced, rows_written, unannounced
from usage_ledger.warehouse.ledger import apply_load
from usage_ledger.warehouse.registration import register as register_connection

D1 = date(2026, 6, 1)
D2, D3 = D1 + DAY, D1 + 2 * DAY
HOUR = timedelta(hours=1)
UNIT = Decimal("0.000000000000000001")
Query = Callable[..., list[tuple[Any, ...]]]
Content = Callable[..., dict[str, str]]
_numbers = itertools.count(1)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    """A connection of the test's own."""
    return Desk(engine, f"acme{next(_numbers)}")


@pytest.fixture
def standing(desk: Desk, query: Query) -> Callable[[], dict[tuple[date, str], Any]]:
    """The ledger's input tokens by date and model."""
    return lambda: {
        (day, model): tokens
        for day, model, tokens in query(
            "SELECT usage_date, model, input_tokens FROM ledger.usage_daily WHERE connection_id = %s",
            desk.connection_id,
        )
    }


@pytest.fixture
def days(desk: Desk, query: Query) -> Callable[..., dict[date, Any]]:
    """One or more columns of `ops.day` by date."""

    def read(columns: str = "state") -> dict[date, Any]:
        rows = query(f"SELECT usage_date, {columns} FROM ops.day WHERE connection_id = %s", desk.connection_id)
        return {day: told[0] if len(told) == 1 else tuple(told) for day, *told in rows}

    return read


@pytest.fixture
def events(desk: Desk, query: Query) -> Callable[[], list[tuple[Any, ...]]]:
    return lambda: query(
        "SELECT kind, severity, report, usage_date, next_step, load_id::text FROM ops.event WHERE connection_id = %s"
        " ORDER BY at",
        desk.connection_id,
    )


@pytest.fixture
def restated(desk: Desk, query: Query) -> Callable[[], set[tuple[Any, ...]]]:
    return lambda: set(
        query(
            "SELECT usage_date, dimensions ->> 'model', meter, old, new, cause FROM ops.restatement"
            " WHERE connection_id = %s",
            desk.connection_id,
        )
    )


# Replace by usage date


def test_a_load_makes_its_dates_equal_to_the_staged_rows_and_touches_no_equal_row(
    desk: Desk, query: Query, standing: Callable[[], Any]
) -> None:
    def versions() -> dict[str, tuple[Any, ...]]:
        rows = query(
            "SELECT model, xmin::text, ctid::text, load_id::text FROM ledger.usage_daily"
            " WHERE connection_id = %s AND usage_date = %s",
            desk.connection_id,
            D1,
        )
        return {model: tuple(more) for model, *more in rows}

    desk.load([used(D1, "equal", 1), used(D1, "changed", 2), used(D1, "vanished", 3), used(D2, "later", 4)], D1, D2)
    before = versions()
    incoming = desk.incoming(
        [used(D1, "equal", 1), used(D1, "changed", 20), used(D1, "new", 30)], D1, fetched_at=T0 + HOUR
    )
    assert apply_load(desk.engine, incoming).changed == {"usage_daily": 3}
    after = versions()
    assert standing() == {(D1, "equal"): 1, (D1, "changed"): 20, (D1, "new"): 30, (D2, "later"): 4}
    assert after["equal"] == before["equal"]
    assert {after[model][2] for model in ("changed", "new")} == {incoming.load_id}


def test_a_row_that_changes_in_an_attribute_or_to_null_alone_is_updated(
    desk: Desk, query: Query, standing: Callable[[], Any]
) -> None:
    desk.load([used(D1, "a", 1, output_tokens=0), used(D1, "b", 2)], D1)
    changed = desk.load([used(D1, "a", 1), used(D1, "b", 2, basis="estimated")], D1, fetched_at=T0 + HOUR)
    assert changed.changed == {"usage_daily": 2}
    rows = query(
        "SELECT model, output_tokens, basis FROM ledger.usage_daily WHERE connection_id = %s ORDER BY 1",
        desk.connection_id,
    )
    assert rows == [("a", None, "metered"), ("b", None, "estimated")]


def test_a_load_leaves_other_connections_reports_and_dates_alone(desk: Desk, query: Query) -> None:
    """Rows of the same identity as its own, and rows that it does not have."""
    name, other = desk.connection_id, Desk(desk.engine, f"{desk.connection_id}_other")
    other.load([used(D1, "a", 1), used(D1, "own", 1)], D1)
    desk.load([used(D1, model, 2, usage_type="storage") for model in ("a", "own")], D1, report="costs")
    desk.load([used(D1, "a", 3), used(D2, "a", 4)], D1, D2)
    desk.load([used(D2, "a", 5)], D2, fetched_at=T0 + HOUR)
    rows = query(
        "SELECT connection_id, report, usage_date, model, input_tokens FROM ledger.usage_daily"
        " WHERE connection_id IN (%s, %s)",
        name,
        other.connection_id,
    )
    assert set(rows) == {
        *((other.connection_id, "usage", D1, model, 1) for model in ("a", "own")),
        *((name, "costs", D1, model, 2) for model in ("a", "own")),
        (name, "usage", D1, "a", 3),
        (name, "usage", D2, "a", 5),
    }


def test_two_reports_never_fill_one_meter_of_one_usage_type_twice(desk: Desk, query: Query) -> None:
    desk.load([used(D1, "a", 1, output_tokens=1)], D1)
    desk.load([used(D1, "a", 1, breakdown="user")], D1, report="by_user")
    desk.load([used(D1, "a", 1, usage_type="embedding")], D1, report="embeddings")
    desk.load([used(D1, "a", None, requests=1)], D1, report="requests")
    desk.load([used(D2, "a", 1)], D2, report="later")
    with pytest.raises(ConservationBroken, match="usage and again both fill output_tokens of serverless"):
        desk.load([used(D1, "a", None, output_tokens=1)], D1, report="again")
    rows = query("SELECT DISTINCT report FROM ledger.usage_daily WHERE connection_id = %s", desk.connection_id)
    assert {report for (report,) in rows} == {"usage", "by_user", "embeddings", "requests", "later"}


def test_one_load_fills_two_tables_and_a_date_with_rows_in_one_of_them_is_loaded(
    desk: Desk, query: Query, days: Callable[..., Any]
) -> None:
    bill = [charged(D2, "line", Decimal("0.1") + UNIT), charged(D2, "eur", Decimal(7), currency="EUR")]
    outcome = desk.load([used(D1, "a", 1)], D1, D3, cost=bill)
    assert (outcome.changed, outcome.rows) == ({"usage_daily": 1, "cost_daily": 2}, 3)
    assert days("state, row_count") == {D1: ("loaded", 1), D2: ("loaded", 2), D3: ("empty", 0)}
    amounts = query("SELECT amount FROM ledger.cost_daily WHERE connection_id = %s ORDER BY 1", desk.connection_id)
    assert amounts == [(Decimal("0.100000000000000001"),), (Decimal(7),)]
    held = desk.load([], D1, D2, cost=[charged(D2, "line", Decimal("0.2"))], fetched_at=T0 + HOUR)
    assert (held.held, held.changed) == ([D1], {"usage_daily": 0, "cost_daily": 2})


def test_texts_are_stored_byte_for_byte(desk: Desk, standing: Callable[[], Any]) -> None:
    composed = ["\u00e9", "e\u0301", "E\u0301", "trailing ", "trailing"]
    hostile = ["'); DROP TABLE ledger.usage_daily; --", "\\.", "\\N", "a\tb\nc\r\n", '"quoted", comma', "%(x)s {{ y }}"]
    hostile += composed
    desk.load([used(D1, text, number) for number, text in enumerate(hostile)], D1)
    assert standing() == {(D1, text): number for number, text in enumerate(hostile)}


def test_rows_in_chunks_some_of_them_empty_are_all_copied(desk: Desk, standing: Callable[[], Any]) -> None:
    rows = [used(D1, f"m{number}", number) for number in range(120)]
    incoming = desk.incoming(rows, D1)
    whole = incoming.tables["usage_daily"].whole()
    parts = [whole.slice(0, 0), whole.slice(0, 60), whole.slice(60, 0), whole.slice(60, 60), whole.slice(0, 0)]
    file = io.BytesIO()
    with pq.ParquetWriter(file, whole.schema, store_schema=False) as writer:
        for part in parts:
            writer.write_table(part)
    apply_load(desk.engine, replace(incoming, tables={"usage_daily": StagedRows(pq.ParquetFile(file), "rows")}))
    assert standing() == {(D1, f"m{number}"): number for number in range(120)}


def test_each_month_has_its_partition_across_the_year(desk: Desk, query: Query) -> None:
    silvester = date(2025, 12, 31)
    desk.load([used(silvester, "a", 1), used(silvester + DAY, "a", 2)], silvester, silvester + DAY)
    rows = query(
        "SELECT usage_date, tableoid::regclass::text FROM ledger.usage_daily WHERE connection_id = %s ORDER BY 1",
        desk.connection_id,
    )
    assert rows == [
        (silvester, "ledger.usage_daily_2025_12"), (silvester + DAY, "ledger.usage_daily_2026_01")
    ]  # fmt: skip


# No false zero


def test_a_date_never_seen_with_rows_becomes_empty(desk: Desk, days: Callable[..., Any], events: Any) -> None:
    outcome = desk.load([], D1, D2)
    assert (outcome.state, outcome.held) == ("loaded", [])
    assert days("state, row_count") == {D1: ("empty", 0), D2: ("empty", 0)}
    assert desk.load([], D1, D2, fetched_at=T0 + HOUR).held == []
    assert events() == []


def test_an_emptied_date_is_held_alone_and_a_person_is_told(
    desk: Desk, query: Query, standing: Any, days: Callable[..., Any], events: Any, restated: Any
) -> None:
    desk.load([used(D1, "a", 1), used(D2, "a", 2)], D1, D2)
    emptied = desk.incoming([used(D2, "a", 22)], D1, D2, fetched_at=T0 + HOUR)
    outcome = apply_load(desk.engine, emptied)
    assert (outcome.state, outcome.held, outcome.superseded) == ("held", [D1], [])
    assert standing() == {(D1, "a"): 1, (D2, "a"): 22}
    assert days("state, row_count") == {D1: ("held", 1), D2: ("loaded", 1)}
    [(kind, severity, report, day, next_step, load_id)] = events()
    assert (kind, severity, report, day, load_id) == ("vanished", "warning", "usage", D1, emptied.load_id)
    assert "second fetch" in next_step
    assert restated() == {(D2, "a", "input_tokens", 2, 22, "provider")}
    assert query("SELECT state FROM ops.load WHERE load_id = %s", emptied.load_id) == [("held",)]


@pytest.mark.parametrize(("later", "applied"), [(HOUR - timedelta(seconds=1), False), (HOUR, True), (30 * DAY, True)])
def test_an_emptied_date_is_emptied_when_an_hour_later_confirms_it(
    desk: Desk, standing: Any, days: Callable[..., Any], restated: Any, later: timedelta, applied: bool
) -> None:
    desk.load([used(D1, "a", 5)], D1)
    first_empty = T0 + DAY
    assert desk.load([], D1, fetched_at=first_empty).held == [D1]
    outcome = desk.load([], D1, fetched_at=first_empty + later)
    assert outcome.held == ([] if applied else [D1])
    assert standing() == ({} if applied else {(D1, "a"): 5})
    assert days() == {D1: "empty" if applied else "held"}
    assert restated() == ({(D1, "a", "input_tokens", 5, None, "provider")} if applied else set())


def test_waiting_counts_from_the_first_empty_answer_not_from_the_last(desk: Desk, standing: Any) -> None:
    desk.load([used(D1, "a", 5)], D1)
    held = [bool(desk.load([], D1, fetched_at=T0 + DAY + minutes * HOUR / 60).held) for minutes in (0, 40, 59, 80)]
    assert held == [True, True, True, False]
    assert standing() == {}


def test_an_answer_with_rows_clears_the_hold_and_the_next_empty_one_is_held_anew(
    desk: Desk, standing: Any, days: Callable[..., Any]
) -> None:
    desk.load([used(D1, "a", 5)], D1)
    desk.load([], D1, fetched_at=T0 + HOUR)
    assert desk.load([used(D1, "a", 6)], D1, fetched_at=T0 + 2 * HOUR).state == "loaded"
    assert days() == {D1: "loaded"}
    assert days("evidence") == {D1: {}}
    assert desk.load([], D1, fetched_at=T0 + 9 * HOUR).held == [D1]
    assert standing() == {(D1, "a"): 6}


def test_an_empty_answer_older_than_the_ledger_neither_holds_nor_empties(
    desk: Desk, standing: Any, days: Callable[..., Any], events: Any
) -> None:
    desk.load([used(D1, "a", 5)], D1)
    for hours in (3, 1):
        outcome = desk.load([], D1, fetched_at=T0 - hours * HOUR)
        assert (outcome.state, outcome.held, outcome.superseded) == ("superseded", [], [D1])
    assert (standing(), days(), events()) == ({(D1, "a"): 5}, {D1: "loaded"}, [])


# Restatements


def test_every_later_change_of_a_loaded_date_is_recorded_by_meter(desk: Desk, query: Query, restated: Any) -> None:
    first = desk.incoming([used(D1, "equal", 1), used(D1, "changed", 2, output_tokens=9), used(D1, "vanished", 3)], D1)
    apply_load(desk.engine, first)
    assert restated() == set()
    rows = [used(D1, "equal", 1), used(D1, "changed", 20, output_tokens=9, cached_input_tokens=0), used(D1, "new", 4)]
    second = desk.incoming(rows, D1, fetched_at=T0 + HOUR)
    apply_load(desk.engine, second)
    assert restated() == {
        (D1, "changed", "input_tokens", 2, 20, "provider"),
        (D1, "changed", "cached_input_tokens", None, 0, "provider"),
        (D1, "vanished", "input_tokens", 3, None, "provider"),
        (D1, "new", "input_tokens", None, 4, "provider"),
    }
    told = query(
        "SELECT DISTINCT table_name, old_load_id::text, new_load_id::text, detected_at, dimensions - 'model'"
        " FROM ops.restatement WHERE connection_id = %s",
        desk.connection_id,
    )
    assert told == [("usage_daily", first.load_id, second.load_id, T0 + HOUR, {"usage_type": "serverless"})]


def test_a_meter_that_no_row_has_any_more_is_restated_to_nothing(desk: Desk, query: Query, restated: Any) -> None:
    desk.load([used(D1, "a", 1, output_tokens=5, requests=2)], D1)
    desk.load([used(D1, "a", 1)], D1, fetched_at=T0 + HOUR)
    assert restated() == {
        (D1, "a", "output_tokens", 5, None, "provider"), (D1, "a", "requests", 2, None, "provider")
    }  # fmt: skip
    assert query(
        "SELECT output_tokens, requests FROM ledger.usage_daily WHERE connection_id = %s", desk.connection_id
    ) == [(None, None)]


def test_a_change_after_our_declaration_changed_is_not_laid_to_the_provider(desk: Desk, restated: Any) -> None:
    desk.load([used(D1, "a", 1)], D1)
    desk.load([used(D1, "a", 2)], D1, fetched_at=T0 + HOUR, declaration="d2")
    desk.load([used(D1, "a", 3)], D1, fetched_at=T0 + 2 * HOUR, declaration="d2")
    assert restated() == {
        (D1, "a", "input_tokens", 1, 2, "declaration"), (D1, "a", "input_tokens", 2, 3, "provider")
    }  # fmt: skip


def test_rows_that_come_late_to_an_empty_date_are_a_restatement_and_a_first_load_after_a_failure_is_none(
    desk: Desk, restated: Any, days: Callable[..., Any]
) -> None:
    desk.load([], D1)
    failing = loads.load_by_id(desk.engine, desk.incoming([], D2).load_id)
    loads.record_failure(desk.engine, failing, ContractBroken("broken"), step="transform", day_zone="UTC")
    assert days() == {D1: "empty", D2: "failed"}
    desk.load([used(D1, "a", 1), used(D2, "a", 1)], D1, D2, fetched_at=T0 + HOUR)
    assert restated() == {(D1, "a", "input_tokens", None, 1, "provider")}
    assert days() == {D1: "loaded", D2: "loaded"}


# Settled


@pytest.mark.parametrize(("zone", "begins"), [("UTC", 0), ("America/Los_Angeles", 7), ("Pacific/Kiritimati", -14)])
def test_a_date_is_settled_once_it_was_read_a_look_back_after_its_end(
    engine: Engine, query: Query, zone: str, begins: int
) -> None:
    desk = Desk(engine, f"acme{next(_numbers)}", zone=zone, lookback=timedelta(days=2))
    end_of_d2 = datetime(2026, 6, 3, tzinfo=UTC) + begins * HOUR
    desk.load([used(D2, "a", 1)], D1, D3, fetched_at=end_of_d2 + 2 * DAY)
    rows = "SELECT usage_date, settled FROM ops.day WHERE connection_id = %s ORDER BY 1"
    assert query(rows, desk.connection_id) == [(D1, True), (D2, True), (D3, False)]
    other = Desk(engine, f"{desk.connection_id}_other", zone=zone, lookback=timedelta(days=2))
    other.load([used(D2, "a", 1)], D2, fetched_at=end_of_d2 + 2 * DAY - timedelta(seconds=1))
    assert query(rows, other.connection_id) == [(D2, False)]


def test_a_date_whose_last_reading_was_too_early_is_known_as_unsettled_until_a_later_one_settles_it(
    engine: Engine,
) -> None:
    desk = Desk(engine, f"acme{next(_numbers)}", lookback=timedelta(days=2))
    desk.load([used(D1, "a", 1), used(D2, "a", 1)], D1, D2, fetched_at=T0.replace(day=4))
    span = Window(D1 - DAY, D3 + DAY)
    assert loads.dates_in_ledger(engine, desk.connection_id, "usage", span) == {D1: False, D2: True}
    desk.load([], D2, fetched_at=T0.replace(day=4) + HOUR)  # held: a person was told, and decides
    assert loads.dates_in_ledger(engine, desk.connection_id, "usage", span) == {D1: False, D2: False}
    desk.load([used(D2, "a", 2)], D2, fetched_at=T0.replace(day=5))
    assert loads.dates_in_ledger(engine, desk.connection_id, "usage", span) == {D1: False, D2: False}


def test_a_date_that_the_zone_skipped_has_no_state(engine: Engine, query: Query) -> None:
    desk = Desk(engine, f"acme{next(_numbers)}", zone="Pacific/Apia")
    desk.load([used(date(2011, 12, 29), "a", 1)], date(2011, 12, 29), date(2011, 12, 31))
    rows = query("SELECT usage_date, state FROM ops.day WHERE connection_id = %s ORDER BY 1", desk.connection_id)
    assert rows == [(date(2011, 12, 29), "loaded"), (date(2011, 12, 31), "empty")]


# What ops keeps of a load


def test_ops_load_tells_what_a_load_brought(desk: Desk, query: Query) -> None:
    incoming = desk.incoming([used(D1, "a", 1), used(D2, "a", 41)], D1, D2, cost=[charged(D1, "x", Decimal("1.5"))])
    apply_load(desk.engine, incoming)
    [row] = query(
        "SELECT connection_id, report, window_from, window_to, state, fetched_at, row_count, sums, declaration, run_id,"
        " error_class, error_message, ended_at >= started_at FROM ops.load WHERE load_id = %s",
        incoming.load_id,
    )
    sums = {"usage_daily": {"rows": 2, "input_tokens": "42"}, "cost_daily": {"rows": 1, "amount USD": "1.5"}}
    assert row == (
        desk.connection_id, "usage", D1, D3, "loaded", T0, 3, sums, "d1", "test", None, None, True
    )  # fmt: skip


def test_a_load_repeated_after_its_commit_changes_nothing(desk: Desk, content: Content) -> None:
    incoming = desk.incoming([used(D1, "a", 1)], D1, names=[called(D1, "k", "first")])
    apply_load(desk.engine, incoming)
    before = content("ops.day", "ops.restatement", "ops.event", "ops.name_observation")
    assert apply_load(desk.engine, incoming).changed == {"usage_daily": 0, "name": 0}
    assert content("ops.day", "ops.restatement", "ops.event", "ops.name_observation") == before
    desk.load([used(D1, "a", 2)], D1, fetched_at=T0 + HOUR)
    before = content("ops.day", "ops.restatement")
    assert apply_load(desk.engine, incoming).superseded == [D1]
    assert content("ops.day", "ops.restatement") == before


def test_a_held_or_noted_load_repeated_after_its_commit_tells_a_person_once(desk: Desk, content: Content) -> None:
    desk.load([used(D1, "a", 1)], D1)
    incoming = desk.incoming([], D1, D2, fetched_at=T0 + HOUR)
    incoming = replace(incoming, staged=replace_notes(incoming.staged, [Note("rounded", "one value was rounded")]))
    apply_load(desk.engine, incoming)
    before = content("ops.day", "ops.event")
    apply_load(desk.engine, incoming)
    assert content("ops.day", "ops.event") == before


def replace_notes(staged: Any, notes: list[Note]) -> Any:
    return type(staged)(staged.load_id, staged.tables, notes, staged.evidence)


# The steps: conservation, failures, repeats


@pytest.fixture
def account(engine: Engine, tmp_path: Path) -> Account:
    return Account(engine, tmp_path, f"steps{next(_numbers)}")


def test_pages_of_another_zones_days_are_refused(account: Account, query: Query) -> None:
    """The connection's zone may change while nothing is loaded: what was landed before has other days."""
    load_id = account.landed([sent(D1, "a", "5")], D1, D1)
    account.connection = account.connection.model_copy(update={"timezone": "America/Los_Angeles"})
    with pytest.raises(ConfigError, match=r"landed in days of UTC, but .* uses America/Los_Angeles"):
        account.transform(load_id)
    assert query("SELECT state FROM ops.load WHERE load_id = %s", load_id) == [("failed",)]


def test_an_answer_older_than_the_one_a_date_is_held_for_leaves_it_held(engine: Engine, query: Query) -> None:
    desk = Desk(engine, "older_than_the_hold")

    def said() -> Any:
        """State, rows, and the load that the date is held for."""
        told = "SELECT state, row_count, evidence ->> 'held_at', evidence ->> 'held_load_id' FROM ops.day"
        return query(f"{told} WHERE connection_id = %s", desk.connection_id)

    desk.load([used(D1, "a", 5)], D1)
    assert desk.load([], D1, fetched_at=T0 + DAY).held == [D1]
    [(state, rows, at, held_for)] = held = said()
    assert (state, rows, datetime.fromisoformat(at)) == ("held", 1, T0 + DAY)
    desk.load([used(D1, "a", 5)], D1)
    desk.load([used(D1, "a", 6), used(D1, "b", 1)], D1, fetched_at=T0 + HOUR)
    assert said() == [("held", 2, at, held_for)]
    assert desk.load([], D1, fetched_at=T0 + 2 * HOUR).held == [D1]
    assert said() == [("held", 2, at, held_for)], held
    assert desk.load([], D1, fetched_at=T0 + DAY + HOUR).held == []
    assert said() == [("empty", 0, None, None)]


def test_what_a_run_has_written_is_known_after_a_try_that_changes_nothing_more(engine: Engine) -> None:
    """What is announced: a task that loaded something and then failed announces it with the try that succeeds."""
    desk = Desk(engine, "written_in_a_run")

    def written(table: str = "usage_daily", run_id: str = "test") -> int:
        return rows_written(engine, desk.connection_id, run_id, [table])[table]

    incoming = desk.incoming([used(D1, "a", 5), used(D2, "b", 6)], D1, D2, cost=[])
    for rows in (2, 0):
        assert apply_load(engine, incoming).changed == {"usage_daily": rows, "cost_daily": 0}
        assert (written(), written("cost_daily"), written(run_id="another")) == (2, 0, 0)
    mine = [incoming.load_id]
    assert unannounced(engine, desk.connection_id, "test") == Unannounced(mine, [])
    assert unannounced(engine, desk.connection_id, "the next run") == Unannounced(mine, mine)
    assert rows_written(engine, desk.connection_id, "the next run", ["usage_daily"], mine) == {"usage_daily": 2}
    mark_announced(engine, mine)
    assert unannounced(engine, desk.connection_id, "the next run") == Unannounced([], [])


def test_a_first_answer_that_is_held_restates_nothing_when_it_is_confirmed(engine: Engine, query: Query) -> None:
    desk = Desk(engine, "held_at_first")
    incoming = desk.incoming([used(D1, "a", 5)], D1)
    contradicting = replace(incoming, staged=msgspec.structs.replace(incoming.staged, mismatch="told 6"))
    assert apply_load(engine, contradicting).held == [D1]
    assert apply_load(engine, replace(contradicting, released=frozenset({D1}))).held == []
    assert query("SELECT state, row_count FROM ops.day WHERE connection_id = %s", desk.connection_id) == [("loaded", 1)]
    assert query("SELECT count(*) FROM ops.restatement WHERE connection_id = %s", desk.connection_id) == [(0,)]


def test_the_steps_carry_a_number_beyond_two_to_the_53_exactly(account: Account, query: Query) -> None:
    big = 2**53 + 1
    account.whole([sent(D1, "a", str(big)), sent(D2, "a", str(2**63 - 1 - big))], D1, D2)
    rows = query(
        "SELECT input_tokens FROM ledger.usage_daily WHERE connection_id = %s ORDER BY usage_date",
        account.connection.id,
    )
    assert rows == [(big,), (2**63 - 1 - big,)]


def one_more(table: pa.Table) -> pa.Table:
    tokens = [count + 1 if number == 0 else count for number, count in enumerate(table["input_tokens"].to_pylist())]
    place = table.schema.get_field_index("input_tokens")
    return table.set_column(place, table.schema.field(place), pa.array(tokens, pa.int64()))


def one_row_less(table: pa.Table) -> pa.Table:
    return table.slice(1)


def one_cell_null(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("output_tokens")
    return table.set_column(place, table.schema.field(place), pa.array([None, 1], pa.int64()))


@pytest.mark.parametrize(
    ("tampered", "before_validate", "error"),
    [
        (one_more, True, ConservationBroken),
        (one_cell_null, True, ConservationBroken),
        (one_row_less, True, ValidationFailed),
        (one_row_less, False, StagedUnusable),
    ],
)
def test_staged_rows_that_are_not_what_was_sent_change_nothing(
    account: Account, query: Query, content: Content, tampered: Any, before_validate: bool, error: type[PersonMustAct]
) -> None:
    account.whole([sent(D1, "a", "1"), sent(D2, "a", "2")], D1, D2)
    before = content("ops.day", "ops.restatement", "ops.name_observation")
    load_id = account.landed([sent(D1, "a", "10"), sent(D2, "a", "20")], D1, D2, T0 + HOUR)
    account.transform(load_id)
    if not before_validate:
        account.validate(load_id)
    table = tampered(open_table(account.root, load_id, "usage_daily").whole())
    write_table(account.root, load_id, "usage_daily", table)
    with pytest.raises(error) as raised:
        if before_validate:
            account.validate(load_id)
        account.load(load_id)
    assert content("ops.day", "ops.restatement", "ops.name_observation") == before
    [told] = query("SELECT state, error_class, error_message FROM ops.load WHERE load_id = %s", load_id)
    assert told == ("failed", error.__name__, str(raised.value))
    assert query("SELECT severity, message <> '', next_step <> '' FROM ops.event WHERE load_id = %s", load_id) == [
        ("error", True, True)
    ]
    account.transform(load_id)
    account.validate(load_id)
    assert account.load(load_id).changed["usage_daily"] == 2


def of_another_date(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("usage_date")
    return table.set_column(place, table.schema.field(place), pa.array([D1, D3], pa.date32()))


def of_another_connection(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("connection_id")
    return table.set_column(place, table.schema.field(place), pa.array(["another", "another"], pa.string()))


@pytest.mark.parametrize("tampered", [one_more, one_cell_null, of_another_date, of_another_connection])
def test_a_first_load_whose_rows_are_not_what_was_sent_brings_nothing(
    account: Account, content: Content, tampered: Any
) -> None:
    before = content("ops.name_observation")
    load_id = account.landed([sent(D1, "a", "1"), sent(D2, "a", "2")], D1, D2)
    account.transform(load_id)
    account.validate(load_id)
    write_table(
        account.root, load_id, "usage_daily", tampered(open_table(account.root, load_id, "usage_daily").whole())
    )
    with pytest.raises(ConservationBroken, match="raw and ledger"):
        account.load(load_id)
    assert content("ops.name_observation") == before
    account.transform(load_id)
    account.validate(load_id)
    assert account.load(load_id).changed["usage_daily"] == 2


@pytest.mark.parametrize(
    "broken", [[sent(D1, "a", "-5"), sent(D2, "a", "-5")], b'{"serverlessCosts": {}}', [sent(D1 - DAY, "a", "1")]]
)
def test_a_broken_first_answer_makes_its_dates_failed_and_a_good_one_heals_them(
    account: Account, query: Query, broken: Any
) -> None:
    def states() -> list[tuple[Any, ...]]:
        name = account.connection.id
        return query("SELECT usage_date, state FROM ops.day WHERE connection_id = %s ORDER BY 1", name)

    load_id = account.landed(broken, D1, D2)
    with pytest.raises(ContractBroken):
        account.transform(load_id)
    assert states() == [(D1, "failed"), (D2, "failed")]
    known = loads.dates_in_ledger(account.engine, account.connection.id, "usage", Window(D1, D3))
    assert known == {}
    with pytest.raises(PersonMustAct):
        account.load(load_id)
    account.whole([sent(D1, "a", "1")], D1, D2)
    assert states() == [(D1, "loaded"), (D2, "empty")]


def test_a_broken_second_answer_leaves_loaded_dates_as_they_were(
    account: Account, query: Query, content: Content
) -> None:
    account.whole([sent(D1, "a", "1")], D1, D1)
    before = content("ops.restatement")
    day = query("SELECT * FROM ops.day WHERE connection_id = %s", account.connection.id)
    load_id = account.landed(b'{"serverlessCosts": {}}', D1, D2, T0 + HOUR)
    with pytest.raises(ContractBroken):
        account.transform(load_id)
    assert content("ops.restatement") == before
    after = query("SELECT * FROM ops.day WHERE connection_id = %s ORDER BY usage_date", account.connection.id)
    assert after[:1] == day
    assert [row[4] for row in after] == ["loaded", "failed"]
    [told] = query("SELECT kind, severity, report FROM ops.event WHERE load_id = %s", load_id)
    assert told == ("transform_failed", "error", "usage")


def test_every_step_repeated_changes_nothing(account: Account, content: Content, versions: Any) -> None:
    load_id = account.landed([sent(D1, "a", "1"), sent(D2, "b", "2")], D1, D2)
    account.transform(load_id)
    account.transform(load_id)
    account.validate(load_id)
    account.load(load_id)
    before, rows = content("ops.day", "ops.event", "ops.restatement"), versions()
    assert account.load(load_id).changed == {"usage_daily": 0, "name": 0}
    account.transform(load_id)
    account.validate(load_id)
    account.load(load_id)
    assert content("ops.day", "ops.event", "ops.restatement") == before
    assert versions() == rows


# One account is one connection


@pytest.fixture
def register(engine: Engine) -> Iterator[Callable[..., None]]:
    suffix = uuid.uuid4().hex[:8]

    def known(
        name: str,
        account: str = "acme",
        timezone: str = "UTC",
        provider: str = "fireworks",
        reports: tuple[str, ...] = ("usage",),
        lookback: int = 3,
    ) -> None:
        lookbacks = dict.fromkeys(reports, lookback)
        register_connection(engine, f"{name}_{suffix}", provider, f"{account}_{suffix}", timezone, lookbacks)

    known.suffix = suffix  # type: ignore[attr-defined]
    yield known


def test_a_second_connection_of_an_account_is_refused_until_the_first_retires(
    engine: Engine, query: Query, register: Any
) -> None:
    register("first")
    register("first")
    register("elsewhere", provider="other")
    with pytest.raises(ConfigError, match="already loaded by connection first"):
        register("second")
    loads.execute(engine, "ops/retire_connection", {"connection_id": f"first_{register.suffix}"})
    register("second")
    with pytest.raises(ConfigError, match="already loaded by connection second"):
        register("first")
    rows = query(
        "SELECT connection_id, retired_at IS NULL FROM ops.connection WHERE account_id = %s AND provider = 'fireworks'",
        f"acme_{register.suffix}",
    )
    assert set(rows) == {(f"first_{register.suffix}", False), (f"second_{register.suffix}", True)}


def test_an_account_whose_rows_a_retired_connection_holds_is_not_counted_again_under_another_id(
    engine: Engine, register: Any
) -> None:
    register("first")
    name = f"first_{register.suffix}"
    Desk(engine, name).load([used(D1, "a", 1)], D1)
    loads.execute(engine, "ops/retire_connection", {"connection_id": name})
    with pytest.raises(ConfigError, match=f"already loaded by connection {name} .* connect it as {name} again"):
        register("second")
    register("first")


def test_a_known_connection_keeps_its_account_and_provider(register: Any) -> None:
    register("first")
    for changed in ({"account": "rival"}, {"provider": "other"}):
        with pytest.raises(ConfigError, match="holds account acme"):
            register("first", **changed)


def test_a_time_zone_may_change_until_days_are_loaded(engine: Engine, query: Query, register: Any) -> None:
    register("first", timezone="UTC")
    register("first", timezone="Asia/Tokyo")
    name = f"first_{register.suffix}"
    desk = Desk(engine, name, zone="Asia/Tokyo")
    desk.load([], D1)
    register("first", timezone="Asia/Seoul")
    Desk(engine, name, zone="Asia/Seoul").load([used(D1, "a", 1)], D1, fetched_at=T0 + HOUR)
    with pytest.raises(ConfigError, match="holds days of Asia/Seoul"):
        register("first", timezone="UTC")
    assert query("SELECT timezone FROM ops.connection WHERE connection_id = %s", name) == [("Asia/Seoul",)]


def test_a_report_ends_when_it_is_no_longer_listed_and_goes_on_when_it_is_again(query: Query, register: Any) -> None:
    def reports() -> list[tuple[Any, ...]]:
        rows = "SELECT report, since, until, xmin::text FROM ops.connection_report WHERE connection_id = %s ORDER BY 1"
        return query(rows, f"first_{register.suffix}")

    register("first", reports=("usage", "cost"))
    both = reports()
    assert [(report, until) for report, _, until, _ in both] == [("cost", None), ("usage", None)]
    register("first", reports=("cost", "usage"))
    assert reports() == both  # nothing is written again
    register("first", reports=("usage",))
    (cost, since, until, _), usage = reports()
    assert (cost, usage) == ("cost", both[1])
    assert until > since
    register("first", reports=("usage",))
    assert reports()[0][2] == until
    register("first", reports=("usage", "cost"))
    assert [row[:3] for row in reports()] == [row[:3] for row in both]


def test_the_look_back_of_now_is_known_of_each_report(query: Query, register: Any) -> None:
    def lookbacks() -> list[tuple[Any, ...]]:
        rows = (
            "SELECT report, lookback_days, until IS NULL FROM ops.connection_report WHERE connection_id = %s ORDER BY 1"
        )
        return query(rows, f"first_{register.suffix}")

    register("first", reports=("cost", "usage"), lookback=3)
    assert lookbacks() == [("cost", 3, True), ("usage", 3, True)]
    register("first", reports=("usage",), lookback=30)
    assert lookbacks() == [("cost", 3, False), ("usage", 30, True)]
