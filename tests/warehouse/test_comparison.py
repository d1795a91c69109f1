"""Rows that the ledger has already are compared and not staged; whatever differs in them is mended."""

import io
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from kit.staged_loads import DAY, T0, Desk, Row, charged, used
from sqlalchemy import Engine

from usage_ledger.contracts.odcs import Column
from usage_ledger.contracts.registry import contract
from usage_ledger.core.storage_errors import StagedUnusable
from usage_ledger.core.warehouse_errors import ConservationBroken
from usage_ledger.storage.staged import StagedRows
from usage_ledger.warehouse import comparison, copy, ledger
from usage_ledger.warehouse.comparison import Differences
from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.incoming import Outcome
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
Stagings = list[tuple[str, int | None]]
_names = iter(range(10_000))


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine, f"equal{next(_names)}")


def load(desk: Desk, hours: int) -> Outcome:
    return desk.load(USED, D1, D1 + DAY, cost=CHARGED, fetched_at=T0 + hours * HOUR)


def content(desk: Desk, query: Query, table: str) -> list[tuple[Any, ...]]:
    """All that the ledger has of the connection but its own name and the load that wrote it."""
    own = ("connection_id", "load_id")
    columns = ", ".join(name for name in contract(table).names() if name not in own)
    statement = f"SELECT {columns} FROM ledger.{table} WHERE connection_id = %s ORDER BY usage_date, row_key"
    return query(statement, desk.connection_id)


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> Stagings:
    """The tables of which rows were staged, in turn, and how many; None where all were."""
    stagings: Stagings = []
    stage = ledger._stage

    def noted(cursor: Any, table: Any, rows: Any, differences: Differences | None) -> None:
        stagings.append((table.table, None if differences is None else len(differences.rows)))
        stage(cursor, table, rows, differences)

    monkeypatch.setattr(ledger, "_stage", noted)
    return stagings


def test_a_second_load_of_the_same_rows_stages_none_and_is_on_record(
    desk: Desk, query: Query, staged: Stagings
) -> None:
    load(desk, 0)
    before = [content(desk, query, table) for table in ("usage_daily", "cost_daily")]
    outcome = load(desk, 1)
    assert (outcome.state, outcome.rows, outcome.changed) == ("loaded", 6, {"usage_daily": 0, "cost_daily": 0})
    assert staged == []
    assert [content(desk, query, table) for table in ("usage_daily", "cost_daily")] == before
    fetched = query("SELECT DISTINCT state, fetched_at FROM ops.day WHERE connection_id = %s", desk.connection_id)
    assert fetched == [("loaded", T0 + HOUR)]
    assert query("SELECT count(*) FROM ops.restatement WHERE connection_id = %s", desk.connection_id) == [(0,)]


def test_dates_without_rows_are_equal_too(desk: Desk, staged: Stagings, query: Query) -> None:
    for hours in (0, 1):
        incoming = desk.incoming([], D1, D1 + DAY, cost=[], fetched_at=T0 + hours * HOUR)
        assert apply_load(desk.engine, incoming).state == "loaded"
    assert staged == []
    states = query("SELECT state, fetched_at FROM ops.day WHERE connection_id = %s", desk.connection_id)
    assert states == [("empty", T0 + HOUR)] * 2


@pytest.mark.parametrize("things", [["k1"], ["k1", "k2"]], ids=["of all things", "of one thing more"])
def test_a_report_that_is_asked_thing_by_thing(desk: Desk, staged: Stagings, query: Query, things: list[str]) -> None:
    """What was not asked for stays, and rows beside it are compared as staged ones are."""
    rows = [used(D1, thing, 1, api_key_id=thing) for thing in things]
    for hours in (0, 1):
        asked = rows if not hours else rows[:1]
        incoming = desk.incoming(asked, D1, fetched_at=T0 + hours * HOUR)
        scope = (["api_key_id"], [[row["api_key_id"]] for row in asked])
        incoming = replace(incoming, staged=msgspec.structs.replace(incoming.staged, scope=scope))
        outcome = apply_load(desk.engine, incoming)
    assert (outcome.state, outcome.changed) == ("loaded", {"usage_daily": 0})
    assert len(content(desk, query, "usage_daily")) == len(things)
    assert staged == ([] if len(things) == 1 else [("usage_daily", None)])


def test_a_report_that_yields_stays_the_other_cut(desk: Desk, staged: Stagings, query: Query) -> None:
    desk.load(USED, D1, D1 + DAY, report="first")
    for hours in (0, 1):
        incoming = desk.incoming(USED, D1, D1 + DAY, report="second", fetched_at=T0 + hours * HOUR)
        apply_load(desk.engine, replace(incoming, yields_to="first"))
    assert staged == [("usage_daily", None)] * 2
    breakdowns = "SELECT DISTINCT report, breakdown FROM ledger.usage_daily WHERE connection_id = %s ORDER BY report"
    assert query(breakdowns, desk.connection_id) == [("first", ""), ("second", "second")]


def test_a_row_that_somebody_moves_meanwhile_ends_the_load(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, query: Query
) -> None:
    load(desk, 0)
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
    incoming = desk.incoming(changed, D1, D1 + DAY, fetched_at=T0 + HOUR)
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


def require_mended(desk: Desk, query: Query, staged: Stagings, table: str, update: str, rows: int) -> None:
    """Spoil rows that were loaded; the next load of the same ones mends as many, and touches no other table."""
    load(desk, 0)
    before = content(desk, query, table)
    with transaction(desk.engine) as cursor:
        cursor.execute(update, {"connection": desk.connection_id, "first": D1, "second": D1 + DAY})
        assert cursor.rowcount == rows
    assert content(desk, query, table) != before
    assert load(desk, 1).changed[table] == rows
    assert [name for name, _ in staged] == [table]
    assert content(desk, query, table) == before


@pytest.mark.parametrize(("table", "column"), CONTENT, ids=[f"{table}.{one.name}" for table, one in CONTENT])
def test_a_row_that_differs_in_any_column_is_mended(
    desk: Desk, query: Query, staged: Stagings, table: str, column: Column
) -> None:
    update = (
        f"UPDATE ledger.{table} SET {column.name} = {other(column)}"
        " WHERE connection_id = %(connection)s AND usage_date = %(second)s"
    )
    require_mended(desk, query, staged, table, update, rows=1)


@pytest.mark.parametrize(("table", "meter"), [("usage_daily", "input_tokens"), ("cost_daily", "amount")])
def test_rows_that_have_each_others_values_are_mended_though_every_sum_is_right(
    desk: Desk, query: Query, staged: Stagings, table: str, meter: str
) -> None:
    update = (
        f"UPDATE ledger.{table} AS one SET {meter} = other.{meter} FROM ledger.{table} AS other"
        " WHERE one.connection_id = %(connection)s AND other.connection_id = one.connection_id"
        " AND one.usage_date = %(first)s AND other.usage_date = one.usage_date AND other.row_key <> one.row_key"
    )
    require_mended(desk, query, staged, table, update, rows=2)


def test_only_rows_that_differ_are_staged(desk: Desk, query: Query, staged: Stagings) -> None:
    load(desk, 0)
    first, second, third = USED
    rows = [second | {"input_tokens": 5}, used(D1, "c", 7), third]
    assert desk.load(rows, D1, D1 + DAY, cost=CHARGED, fetched_at=T0 + HOUR).changed == {
        "usage_daily": 3,
        "cost_daily": 0,
    }
    assert staged == [("usage_daily", 2)]
    sums = "SELECT usage_date, sum(input_tokens), count(*) FROM ledger.usage_daily WHERE connection_id = %s GROUP BY 1"
    assert query(f"{sums} ORDER BY 1", desk.connection_id) == [(D1, 12, 2), (D1 + DAY, 3, 1)]
    changes = "SELECT meter, old, new FROM ops.restatement WHERE connection_id = %s AND meter = 'input_tokens'"
    assert query(f"{changes} ORDER BY old", desk.connection_id) == [
        ("input_tokens", first["input_tokens"], None),
        ("input_tokens", second["input_tokens"], 5),
        ("input_tokens", None, 7),
    ]


@pytest.mark.parametrize("number", range(30))
def test_the_end_is_the_same_as_when_all_rows_are_staged(
    engine: Engine, query: Query, staged: Stagings, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    drawn = random.Random(number)  # noqa: S311

    def rows(cells: list[tuple[date, str]], make: Any) -> list[Row]:
        chosen = [cell for cell in sorted(cells) if drawn.random() < 0.8]
        return [make(*cell, drawn.choice([0, 1, 2, 2**40]), account_id="either") for cell in chosen]

    cells = [(D1 + number * DAY, name) for number in range(drawn.choice([1, 3])) for name in "abcdefgh"]
    loads_of = [(rows(cells, used), rows(cells, charged)) for _ in range(3)]
    if drawn.random() < 0.5:  # a meter that all rows have, and then none
        loads_of[1] = ([row | {"output_tokens": 3} for row in loads_of[1][0]], loads_of[1][1])
    ends = []
    for form in (copy.FORM, "csv"):
        desk = Desk(engine, f"either{number}{form}")
        monkeypatch.setattr(copy, "FORM", form)
        outcomes = [
            desk.load(usage, D1, D1 + 2 * DAY, cost=cost, fetched_at=T0 + hours * HOUR)
            for hours, (usage, cost) in enumerate([*loads_of, loads_of[-1]])
        ]
        ends.append([*map(str, outcomes), *state(desk, query)])
    assert ends[0] == ends[1]
    assert any(count is not None for _, count in staged)


def state(desk: Desk, query: Query) -> list[list[tuple[Any, ...]]]:
    """All that is on record of the connection but names of loads and connections."""
    days = "SELECT usage_date, state, row_count, fetched_at, evidence FROM ops.day WHERE connection_id = %s ORDER BY 1"
    changes = (
        "SELECT usage_date, table_name, row_key, dimensions, meter, old, new, cause, detected_at"
        " FROM ops.restatement WHERE connection_id = %s ORDER BY 9, 1, 2, 3, 5"
    )
    events = "SELECT kind, usage_date, message FROM ops.event WHERE connection_id = %s ORDER BY 1, 2, 3"
    tables = [content(desk, query, table) for table in ("usage_daily", "cost_daily")]
    return [*tables, *(query(statement, desk.connection_id) for statement in (days, changes, events))]


def test_all_rows_are_staged_where_too_many_differ(
    desk: Desk, query: Query, staged: Stagings, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(desk, 0)
    monkeypatch.setattr(comparison, "MANY", 100)
    rows = [row | {"input_tokens": 9} for row in USED]
    assert desk.load(rows, D1, D1 + DAY, cost=CHARGED, fetched_at=T0 + HOUR).changed["usage_daily"] == 3
    assert staged == [("usage_daily", None)]
    tokens = "SELECT DISTINCT input_tokens FROM ledger.usage_daily WHERE connection_id = %s"
    assert query(tokens, desk.connection_id) == [(9,)]


def test_no_more_is_held_than_is_staged(desk: Desk) -> None:
    """Also where all new rows come before the first that the ledger has."""
    table = contract("usage_daily")
    rows = desk.incoming([used(D1, f"m{number:03}", number) for number in range(200)], D1).tables[table.table]
    columns = ["usage_date", "row_key", "input_tokens"]
    ledger_row = b"".join(copy.as_binary(copy.batches_of(rows, columns), ["row_key"]))[-38:-2]
    later = ledger_row[:6] + (10**5).to_bytes(4, "big") + ledger_row[10:]
    differences = Differences(columns)
    merge = comparison._Merge(comparison._parts(rows, columns, table), differences, limit=1000)
    merge.write(later)
    assert merge.end() is None
    assert 1 < len(differences.rows) < 10


def test_sums_beyond_what_a_column_holds_are_equal_too(desk: Desk, staged: Stagings) -> None:
    most = Decimal("99999999999999999999")
    cost = [charged(D1, name, most) for name in "abc"]
    tokens = [used(D1, name, 2**63 - 1) for name in "abc"]
    for hours in (0, 1):
        assert desk.load(tokens, D1, cost=cost, fetched_at=T0 + hours * HOUR).state == "loaded"
    assert staged == []


def test_rows_that_cannot_be_read_change_nothing(desk: Desk, query: Query) -> None:
    load(desk, 0)
    before = content(desk, query, "usage_daily")
    incoming = desk.incoming(USED, D1, D1 + DAY, fetched_at=T0 + HOUR)
    file = io.BytesIO()
    pq.write_table(incoming.tables["usage_daily"].whole(), file, compression="none", write_page_checksum=True)
    damaged = io.BytesIO(file.getvalue().replace("😀".encode(), "😁".encode()))
    rows = StagedRows(pq.ParquetFile(damaged, page_checksum_verification=True), "rows of a test")
    with pytest.raises(StagedUnusable, match="rows of a test is damaged"):
        apply_load(desk.engine, replace(incoming, tables={"usage_daily": rows}))
    assert content(desk, query, "usage_daily") == before
    assert load(desk, 2).changed == {"usage_daily": 0, "cost_daily": 0}


def test_rows_that_are_not_in_the_order_of_their_keys_are_staged(desk: Desk, staged: Stagings) -> None:
    load(desk, 0)
    incoming = desk.incoming(USED, D1, D1 + DAY, fetched_at=T0 + HOUR)
    file = io.BytesIO()
    rows = incoming.tables["usage_daily"].whole().sort_by([("usage_date", "descending")])
    pq.write_table(rows, file, row_group_size=1, store_schema=False)
    tables = {"usage_daily": StagedRows(pq.ParquetFile(file), "rows of a test")}
    assert sum(apply_load(desk.engine, replace(incoming, tables=tables)).changed.values()) == 0
    assert staged == [("usage_daily", None)]


def test_rows_are_staged_where_the_binary_form_is_not_at_hand(
    desk: Desk, staged: Stagings, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(desk, 0)
    monkeypatch.setattr(copy, "FORM", "csv")
    assert sum(load(desk, 1).changed.values()) == 0
    assert staged == [("usage_daily", None), ("cost_daily", None)]
