"""Rows that the ledger has already are compared and not staged; whatever differs in them is mended."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from kit.staged_loads import DAY, T0, Desk, charged, used
from sqlalchemy import Engine

from usage_ledger.contracts.odcs import Column
from usage_ledger.contracts.registry import contract
from usage_ledger.core.warehouse_errors import ConservationBroken
from usage_ledger.storage.staged import open_table
from usage_ledger.storage.table_writer import write_table
from usage_ledger.warehouse import copy, ledger
from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.incoming import Incoming, Outcome
from usage_ledger.warehouse.ledger import apply_load

D1 = date(2026, 6, 1)
HOUR = timedelta(hours=1)
ODD = "a\"b'\\N, \n😀"
USED = [
    used(D1, "a", 1, output_tokens=2, audio_seconds=Decimal("0.1"), region="eu", operation=ODD),
    used(D1, "b", 2**63 - 1, output_tokens=0, audio_seconds=None, region="", operation=""),
    used(D1 + DAY, "a", 3, output_tokens=None, audio_seconds=Decimal(10**8), region="us", operation="é"),
]
CHARGED = [
    charged(D1, "x", Decimal("1.000000000000000001"), quantity=Decimal("7.5"), unit="token"),
    charged(D1, "y", Decimal("-0.5"), quantity=None, unit=""),
    charged(D1 + DAY, "x", Decimal(12345), quantity=Decimal(0), unit="second"),
]
Query = Callable[..., list[tuple[Any, ...]]]
_names = iter(range(10_000))


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine, f"equal{next(_names)}")


def on_disk(incoming: Incoming, root: Path, order: str = "ascending") -> Incoming:
    """The load with its rows staged as Parquet, as transform leaves them: in the order of their keys."""
    tables: dict[str, Any] = {}
    for name, rows in incoming.tables.items():
        assert isinstance(rows, pa.Table)
        write_table(root, incoming.load_id, name, rows.sort_by([("usage_date", order), ("row_key", order)]))
        tables[name] = open_table(root, incoming.load_id, name)
    return replace(incoming, tables=tables)


def load(desk: Desk, root: Path, hours: int) -> Outcome:
    incoming = desk.incoming(USED, D1, D1 + DAY, cost=CHARGED, fetched_at=T0 + hours * HOUR)
    return apply_load(desk.engine, on_disk(incoming, root))


def content(desk: Desk, query: Query, table: str) -> list[tuple[Any, ...]]:
    """All that the ledger has of the connection but the load that wrote it."""
    columns = ", ".join(name for name in contract(table).names() if name != "load_id")
    statement = f"SELECT {columns} FROM ledger.{table} WHERE connection_id = %s ORDER BY usage_date, row_key"
    return query(statement, desk.connection_id)


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables whose rows were staged, in turn."""
    names: list[str] = []
    stage = ledger._stage

    def noted(cursor: Any, table: Any, rows: Any) -> None:
        names.append(table.table)
        stage(cursor, table, rows)

    monkeypatch.setattr(ledger, "_stage", noted)
    return names


def test_a_second_load_of_the_same_rows_stages_none_and_is_on_record(
    desk: Desk, tmp_path: Path, query: Query, staged: list[str]
) -> None:
    load(desk, tmp_path, 0)
    before = [content(desk, query, table) for table in ("usage_daily", "cost_daily")]
    outcome = load(desk, tmp_path, 1)
    assert (outcome.state, outcome.rows, outcome.changed) == ("loaded", 6, {"usage_daily": 0, "cost_daily": 0})
    assert staged == []
    assert [content(desk, query, table) for table in ("usage_daily", "cost_daily")] == before
    fetched = query("SELECT DISTINCT state, fetched_at FROM ops.day WHERE connection_id = %s", desk.connection_id)
    assert fetched == [("loaded", T0 + HOUR)]
    assert query("SELECT count(*) FROM ops.restatement WHERE connection_id = %s", desk.connection_id) == [(0,)]


def test_dates_without_rows_are_equal_too(desk: Desk, tmp_path: Path, staged: list[str], query: Query) -> None:
    for hours in (0, 1):
        incoming = desk.incoming([], D1, D1 + DAY, cost=[], fetched_at=T0 + hours * HOUR)
        assert apply_load(desk.engine, on_disk(incoming, tmp_path)).state == "loaded"
    assert staged == []
    states = query("SELECT state, fetched_at FROM ops.day WHERE connection_id = %s", desk.connection_id)
    assert states == [("empty", T0 + HOUR)] * 2


@pytest.mark.parametrize("things", [["k1"], ["k1", "k2"]], ids=["of all things", "of one thing more"])
def test_a_report_that_is_asked_thing_by_thing(
    desk: Desk, tmp_path: Path, staged: list[str], query: Query, things: list[str]
) -> None:
    """What was not asked for stays, and rows beside it are compared as staged ones are."""
    rows = [used(D1, thing, 1, api_key_id=thing) for thing in things]
    for hours in (0, 1):
        asked = rows if not hours else rows[:1]
        incoming = desk.incoming(asked, D1, fetched_at=T0 + hours * HOUR)
        scope = (["api_key_id"], [[row["api_key_id"]] for row in asked])
        incoming = replace(incoming, staged=msgspec.structs.replace(incoming.staged, scope=scope))
        outcome = apply_load(desk.engine, on_disk(incoming, tmp_path))
    assert (outcome.state, outcome.changed) == ("loaded", {"usage_daily": 0})
    assert len(content(desk, query, "usage_daily")) == len(things)
    assert staged == ([] if len(things) == 1 else ["usage_daily"])


def test_a_report_that_yields_stays_the_other_cut(desk: Desk, tmp_path: Path, staged: list[str], query: Query) -> None:
    apply_load(desk.engine, on_disk(desk.incoming(USED, D1, D1 + DAY, report="first"), tmp_path))
    for hours in (0, 1):
        incoming = desk.incoming(USED, D1, D1 + DAY, report="second", fetched_at=T0 + hours * HOUR)
        apply_load(desk.engine, replace(on_disk(incoming, tmp_path), yields_to="first"))
    assert staged == ["usage_daily"] * 2
    breakdowns = "SELECT DISTINCT report, breakdown FROM ledger.usage_daily WHERE connection_id = %s ORDER BY report"
    assert query(breakdowns, desk.connection_id) == [("first", ""), ("second", "second")]


def test_a_row_that_somebody_moves_meanwhile_ends_the_load(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: Query
) -> None:
    load(desk, tmp_path, 0)
    before = content(desk, query, "usage_daily")
    gained = ledger.dates_gained

    def moved(*told: Any) -> set[date]:
        with transaction(desk.engine) as cursor:
            cursor.execute(
                "UPDATE ledger.usage_daily SET region = region WHERE connection_id = %s", (desk.connection_id,)
            )
        return gained(*told)

    monkeypatch.setattr(ledger, "dates_gained", moved)
    changed = [row | {"input_tokens": 9} for row in USED]
    incoming = on_disk(desk.incoming(changed, D1, D1 + DAY, fetched_at=T0 + HOUR), tmp_path)
    with pytest.raises(ConservationBroken, match="3 rows of usage_daily were to be written, and 0 were"):
        apply_load(desk.engine, incoming)
    assert content(desk, query, "usage_daily") == before


def other(column: Column) -> str:
    """A value that no row has, as SQL."""
    match column.type:
        case "timestamptz":
            return f"{column.name} + interval '1 microsecond'"
        case "text":
            return f"{column.name} || '!'"
    return f"coalesce({column.name}, 0) + 1"


CONTENT = [
    (table, column)
    for table in ("usage_daily", "cost_daily")
    for column in contract(table).columns
    if column.name not in (*contract(table).primary_key, "load_id")
]


def require_mended(desk: Desk, root: Path, query: Query, staged: list[str], table: str, update: str, rows: int) -> None:
    """Spoil rows that were loaded; the next load of the same ones mends as many, and touches no other table."""
    load(desk, root, 0)
    before = content(desk, query, table)
    with transaction(desk.engine) as cursor:
        cursor.execute(update, {"connection": desk.connection_id, "first": D1, "second": D1 + DAY})
        assert cursor.rowcount == rows
    assert content(desk, query, table) != before
    assert load(desk, root, 1).changed[table] == rows
    assert staged == [table]
    assert content(desk, query, table) == before


@pytest.mark.parametrize(("table", "column"), CONTENT, ids=[f"{table}.{one.name}" for table, one in CONTENT])
def test_a_row_that_differs_in_any_column_is_mended(
    desk: Desk, tmp_path: Path, query: Query, staged: list[str], table: str, column: Column
) -> None:
    update = (
        f"UPDATE ledger.{table} SET {column.name} = {other(column)}"
        " WHERE connection_id = %(connection)s AND usage_date = %(second)s"
    )
    require_mended(desk, tmp_path, query, staged, table, update, rows=1)


@pytest.mark.parametrize(("table", "meter"), [("usage_daily", "input_tokens"), ("cost_daily", "amount")])
def test_rows_that_have_each_others_values_are_mended_though_every_sum_is_right(
    desk: Desk, tmp_path: Path, query: Query, staged: list[str], table: str, meter: str
) -> None:
    update = (
        f"UPDATE ledger.{table} AS one SET {meter} = other.{meter} FROM ledger.{table} AS other"
        " WHERE one.connection_id = %(connection)s AND other.connection_id = one.connection_id"
        " AND one.usage_date = %(first)s AND other.usage_date = one.usage_date AND other.row_key <> one.row_key"
    )
    require_mended(desk, tmp_path, query, staged, table, update, rows=2)


def test_rows_that_are_not_in_the_order_of_their_keys_are_staged(desk: Desk, tmp_path: Path, staged: list[str]) -> None:
    load(desk, tmp_path, 0)
    incoming = desk.incoming(USED, D1, D1 + DAY, cost=CHARGED, fetched_at=T0 + HOUR)
    assert sum(apply_load(desk.engine, on_disk(incoming, tmp_path, "descending")).changed.values()) == 0
    assert staged == ["usage_daily", "cost_daily"]


def test_rows_are_staged_where_the_binary_form_is_not_at_hand(
    desk: Desk, tmp_path: Path, staged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(desk, tmp_path, 0)
    monkeypatch.setattr(copy, "FORM", "csv")
    assert sum(load(desk, tmp_path, 1).changed.values()) == 0
    assert staged == ["usage_daily", "cost_daily"]
