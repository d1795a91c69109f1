"""The views of schema `marts`: exact answers to small hand-written ledgers. Every test's rows are rolled back."""

import itertools
import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import Json
from sqlalchemy import Engine

from usage_ledger.contracts.registry import contract
from usage_ledger.core.project import SQL
from usage_ledger.warehouse.marts import mart_name, marts
from usage_ledger.warehouse.sql import statement

VIEWS = {mart_name(path) for path in marts()}
SUMMING = ("daily_usage_by_model", "daily_usage_by_api_key")
NOV = date(2026, 11, 1)
LOAD = str(uuid.UUID(int=1))
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
UNIT = Decimal("0.000000000000000001")

_numbers = itertools.count(1)


@pytest.fixture
def cursor(engine: Engine) -> Iterator[Cursor]:
    """One transaction, so that `now()` stands still; undone at the end."""
    with closing(engine.raw_connection()) as connection:
        opened = connection.driver_connection.cursor()
        opened.execute(
            "SELECT ops.ensure_month(fact, month) FROM (VALUES ('usage_daily'), ('cost_daily')) AS f (fact),"
            " (VALUES (date '2026-10-01'), ('2026-11-01')) AS m (month)"
        )
        yield opened
        connection.rollback()


def add(cursor: Cursor, table: str, **values: Any) -> None:
    columns = ", ".join(values)
    marks = ", ".join(["%s"] * len(values))
    cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(values.values()))


def add_fact(cursor: Cursor, table: str, **values: Any) -> None:
    """A row of a fact: what is not said is '', null, or the same in every row."""
    named = dict.fromkeys(contract(table).names("dimension"), "")
    same = {
        "connection_id": "acme", "report": "usage", "usage_date": NOV, "row_key": str(uuid.UUID(int=next(_numbers))),
        "provider": "fireworks", "account_id": "acme", "breakdown": "", "basis": "metered",
        "bucket_start": NOON, "bucket_end": NOON, "load_id": LOAD,
    }  # fmt: skip
    add(cursor, f"ledger.{table}", **(same | named | values))


def add_usage(cursor: Cursor, **values: Any) -> None:
    add_fact(cursor, "usage_daily", **({"usage_type": "serverless"} | values))


def add_cost(cursor: Cursor, **values: Any) -> None:
    same = {"report": "cost", "basis": "rated", "charge_category": "Usage", "currency": "USD"}
    add_fact(cursor, "cost_daily", **(same | values))


def add_day(cursor: Cursor, usage_date: date, state: str = "loaded", **values: Any) -> None:
    same = {"connection_id": "acme", "report": "usage", "day_zone": "UTC"}
    add(cursor, "ops.day", **(same | {"usage_date": usage_date, "state": state} | values))


def add_connection(cursor: Cursor, connection_id: str = "acme", **values: Any) -> None:
    same = {"connection_id": connection_id, "provider": "fireworks", "account_id": connection_id, "timezone": "UTC"}
    add(cursor, "ops.connection", **(same | values))


def add_load(cursor: Cursor, state: str, ended_at: datetime, connection_id: str = "acme", **values: Any) -> None:
    same = {
        "load_id": str(uuid.UUID(int=next(_numbers))), "connection_id": connection_id, "report": "usage",
        "window_from": NOV, "window_to": NOV + timedelta(1), "declaration": "d", "run_id": "r",
    }  # fmt: skip
    add(cursor, "ops.load", **(same | {"state": state, "started_at": ended_at, "ended_at": ended_at} | values))


def add_name(cursor: Cursor, name: str, valid_from: date, valid_to: date | None = None, **values: Any) -> None:
    same = {"connection_id": "acme", "kind": "api_key", "id": "k1"}
    add(cursor, "ledger.name", **(same | {"name": name, "valid_from": valid_from, "valid_to": valid_to} | values))


def answer(cursor: Cursor, query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query)
    return cursor.fetchall()


def columns(cursor: Cursor, view: str) -> dict[str, str]:
    cursor.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'marts' AND table_name = %s ORDER BY ordinal_position",
        [view],
    )
    return dict(cursor.fetchall())


def yesterday(cursor: Cursor, zone: str = "UTC") -> date:
    cursor.execute("SELECT (now() AT TIME ZONE %s)::date - 1", [zone])
    (found,) = cursor.fetchone() or ()
    return found


def know_reports(cursor: Cursor) -> None:
    """Fill `ops.connection_report` from the loads and dates, as the schema step does in a filled warehouse."""
    cursor.execute("DELETE FROM ops.connection_report")
    cursor.execute((SQL / "ddl" / "005_connection_reports" / "02_fill.sql").read_text(encoding="utf-8"))


def now(cursor: Cursor) -> datetime:
    return answer(cursor, "SELECT now()")[0][0]


# What the views are


def test_every_view_and_column_is_described(cursor: Cursor) -> None:
    found = answer(
        cursor,
        "SELECT c.table_name, c.column_name, col_description(oid, ordinal_position), obj_description(oid, 'pg_class')"
        " FROM information_schema.columns AS c, to_regclass('marts.' || c.table_name) AS oid"
        " WHERE c.table_schema = 'marts'",
    )
    assert {view for view, *_ in found} == VIEWS
    assert "daily_usage" in VIEWS
    assert [row for row in found if not (row[2] and row[3])] == []


def test_the_numbers_are_exact(cursor: Cursor) -> None:
    types = {kind for view in VIEWS for kind in columns(cursor, view).values()}
    assert types.isdisjoint({"real", "double precision"})
    assert {"bigint", "numeric"} <= types


def test_daily_usage_has_the_contracts_columns(cursor: Cursor) -> None:
    more = {"day_zone", "settled", "uncached_input_tokens"}
    assert set(columns(cursor, "daily_usage")) == {*contract("usage_daily").names(), *more} - {"breakdown"}


@pytest.mark.parametrize("view", SUMMING)
def test_sums_cover_every_meter(cursor: Cursor, view: str) -> None:
    summed = {column.name for column in contract("usage_daily").columns if column.role == "meter" and column.additive}
    numeric = {name for name, kind in columns(cursor, view).items() if kind == "numeric"}
    assert numeric == summed | {"uncached_input_tokens"}


@pytest.mark.parametrize("view", ["daily_usage", *SUMMING, "usage_meters", "daily_token_rates"])
def test_dates_and_connection_reach_the_partitions(cursor: Cursor, view: str) -> None:
    add_usage(cursor, input_tokens=1)
    plan = "\n".join(
        line
        for (line,) in answer(
            cursor, f"EXPLAIN SELECT * FROM marts.{view} WHERE connection_id = 'acme' AND usage_date = '2026-11-01'"
        )
    )
    assert "usage_daily_2026_11" in plan
    assert "usage_daily_2026_10" not in plan
    assert plan.count("connection_id = 'acme'") >= plan.count(" on usage_daily") > 0


def test_cost_dates_reach_the_partitions(cursor: Cursor) -> None:
    query = "EXPLAIN SELECT * FROM marts.daily_cost WHERE connection_id = 'acme' AND usage_date >= '2026-11-01'"
    plan = "\n".join(line for (line,) in answer(cursor, query))
    assert "cost_daily_2026_11" in plan
    assert "cost_daily_2026_10" not in plan


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_bi_reader_reads_marts(cursor: Cursor, view: str) -> None:
    cursor.execute("SET LOCAL ROLE bi_reader")
    answer(cursor, f"SELECT * FROM marts.{view}")


@pytest.mark.parametrize("table", ["ledger.usage_daily", "ledger.name", "ops.load", "ops.day"])
def test_bi_reader_reads_nothing_else(cursor: Cursor, table: str) -> None:
    cursor.execute("SET LOCAL ROLE bi_reader")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute(f"SELECT * FROM {table}")


# Usage


def test_daily_usage_is_the_records_alone(cursor: Cursor) -> None:
    add_usage(cursor, model="a", input_tokens=100, cached_input_tokens=40)
    add_usage(cursor, model="b", input_tokens=50)
    add_usage(cursor, model="c", usage_date=NOV + timedelta(1), cached_input_tokens=0, input_tokens=0)
    add_usage(cursor, model="a", breakdown="user", input_tokens=100)
    add_day(cursor, NOV, day_zone="Europe/Zurich", settled=True)
    add_day(cursor, NOV, report="cost")
    assert answer(
        cursor,
        "SELECT model, input_tokens, cached_input_tokens, uncached_input_tokens, output_tokens, day_zone, settled"
        " FROM marts.daily_usage ORDER BY model",
    ) == [
        ("a", 100, 40, 60, None, "Europe/Zurich", True),
        ("b", 50, None, None, None, "Europe/Zurich", True),
        ("c", 0, 0, 0, None, None, False),
    ]


def test_usage_by_model_sums_and_keeps_null(cursor: Cursor) -> None:
    most = 2**63 - 1
    add_usage(cursor, model="a", api_key_id="k1", input_tokens=most, cached_input_tokens=40, output_tokens=0)
    add_usage(cursor, model="a", api_key_id="k2", input_tokens=most)
    add_usage(cursor, model="a", api_key_id="k2", breakdown="user", input_tokens=7)
    add_usage(cursor, model="a", usage_type="dedicated", accelerator_seconds=Decimal("0.000000001"))
    add_usage(cursor, model="a", report="other", input_tokens=5)
    add_day(cursor, NOV, settled=True)
    assert answer(
        cursor,
        "SELECT connection_id, provider, report, usage_date, usage_type, model, settled, input_tokens,"
        " cached_input_tokens, uncached_input_tokens, output_tokens, training_tokens, accelerator_seconds"
        " FROM marts.daily_usage_by_model ORDER BY report, usage_type",
    ) == [
        ("acme", "fireworks", "other", NOV, "serverless", "a", False, 5, None, None, None, None, None),
        ("acme", "fireworks", "usage", NOV, "dedicated", "a", True, *[None] * 5, Decimal("1E-9")),
        ("acme", "fireworks", "usage", NOV, "serverless", "a", True, 2 * most, 40, most - 40, 0, None, None),
    ]


def test_token_rates_are_those_of_the_whole_day_and_keep_null_and_breakdowns_apart(cursor: Cursor) -> None:
    day = {"bucket_start": datetime(2026, 11, 1, tzinfo=UTC), "bucket_end": datetime(2026, 11, 2, tzinfo=UTC)}
    longer = {
        "bucket_start": datetime(2026, 10, 25, 0, tzinfo=UTC),
        "bucket_end": datetime(2026, 10, 26, 1, tzinfo=UTC),
    }
    peaks = [{"peak_input_tokens_per_second": Decimal(peak)} for peak in ("7.5", "9.000000001")]
    add_usage(cursor, model="a", project_id="p1", input_tokens=86_400, cached_input_tokens=4_320, **day, **peaks[0])
    add_usage(cursor, model="a", project_id="p2", input_tokens=43_200, output_tokens=0, **day, **peaks[1])
    add_usage(cursor, model="a", breakdown="prometheus", basis="estimated", input_tokens=1, **day)
    add_usage(cursor, model="a", usage_date=date(2026, 10, 25), output_tokens=90_000, **longer)
    add_usage(cursor, model="speech", requests=5, **day)
    add_day(cursor, NOV, settled=True)
    assert answer(
        cursor,
        "SELECT usage_date, breakdown, model, settled, day_seconds, input_tokens_per_second,"
        " cached_input_tokens_per_second, output_tokens_per_second, input_tokens, peak_input_tokens_per_second,"
        " peak_output_tokens_per_second"
        " FROM marts.daily_token_rates ORDER BY usage_date, breakdown",
    ) == [
        (date(2026, 10, 25), "", "a", False, 90_000, None, None, 1, None, None, None),
        (
            NOV,
            "",
            "a",
            True,
            86_400,
            Decimal("1.5"),
            Decimal("0.05"),
            0,
            129_600,
            peaks[1]["peak_input_tokens_per_second"],
            None,
        ),
        (NOV, "prometheus", "a", True, 86_400, Decimal("0.000011574"), None, None, 1, None, None),
    ]


def test_usage_by_api_key_counts_once(cursor: Cursor) -> None:
    add_usage(cursor, api_key_id="k1", model="a", tag_team="x", input_tokens=2**62, cached_input_tokens=1)
    add_usage(cursor, api_key_id="k1", model="a", tag_team="y", input_tokens=2**62, output_tokens=3)
    add_usage(cursor, api_key_id="k1", model="b", audio_seconds=Decimal("0.1"))
    add_usage(cursor, api_key_id="", model="a", input_tokens=5)
    add_usage(cursor, api_key_id="k2", usage_type="agent", input_tokens=6)
    add_usage(cursor, api_key_id="k1", model="a", breakdown="user", input_tokens=9)
    add_usage(cursor, usage_type="dedicated", accelerator_seconds=8)
    add_day(cursor, NOV, settled=True)
    assert answer(
        cursor,
        "SELECT connection_id, provider, usage_date, api_key_id, settled, input_tokens, cached_input_tokens,"
        " uncached_input_tokens, output_tokens, audio_seconds, jsonb_array_length(models)"
        " FROM marts.daily_usage_by_api_key ORDER BY api_key_id",
    ) == [
        ("acme", "fireworks", NOV, "", True, 5, None, None, None, None, 1),
        ("acme", "fireworks", NOV, "k1", True, 2**63, 1, 2**62 - 1, 3, Decimal("0.1"), 2),
        ("acme", "fireworks", NOV, "k2", True, 6, None, None, None, None, 1),
    ]


def test_the_models_of_a_key_are_the_parts_of_its_row(cursor: Cursor) -> None:
    add_usage(cursor, api_key_id="k1", model="b", input_tokens=3)
    add_usage(cursor, api_key_id="k1", model="a", tag_team="x", input_tokens=2**63 - 1, cached_input_tokens=0)
    add_usage(cursor, api_key_id="k1", model="a", tag_team="y", input_tokens=1, cached_input_tokens=1)
    assert answer(
        cursor,
        "SELECT part.* FROM marts.daily_usage_by_api_key AS used, jsonb_to_recordset(used.models) AS part (model text,"
        " input_tokens numeric, cached_input_tokens numeric, uncached_input_tokens numeric, output_tokens numeric)",
    ) == [("a", 2**63, 1, 2**63 - 1, None), ("b", 3, None, None, None)]
    ((models,),) = answer(cursor, "SELECT models::text FROM marts.daily_usage_by_api_key")
    meters = {column.name for column in contract("usage_daily").columns if column.role == "meter" and column.additive}
    assert set(json.loads(models)[0]) == {"model", "uncached_input_tokens", *meters}


def test_the_models_of_a_key_are_in_order(cursor: Cursor) -> None:
    names = [f"m{number:02}" for number in range(40)]
    for name in reversed(names):
        add_usage(cursor, api_key_id="k1", model=name, input_tokens=1)
    cursor.execute("SET LOCAL enable_sort = off")
    query = "SELECT part ->> 'model' FROM marts.daily_usage_by_api_key, jsonb_array_elements(models) AS part"
    assert answer(cursor, query) == [(name,) for name in names]


def test_a_key_has_its_name_of_the_day_and_of_now(cursor: Cursor) -> None:
    for day in range(4):
        add_usage(cursor, api_key_id="k1", usage_date=NOV + timedelta(day), input_tokens=1)
    add_usage(cursor, api_key_id="k2", input_tokens=1)
    add_usage(cursor, api_key_id="", input_tokens=1)
    second, third = NOV + timedelta(1), NOV + timedelta(2)
    add_name(cursor, "first", second, third, owner_id="o1")
    add_name(cursor, "second", third, None, owner_id="o2")
    add_name(cursor, "a project", NOV, kind="project")
    add_name(cursor, "elsewhere", NOV, connection_id="other")
    add_name(cursor, "of nobody", NOV, kind="user", id="")
    assert answer(
        cursor,
        "SELECT api_key_id, usage_date, api_key_name_on_day, api_key_name, owner_id"
        " FROM marts.daily_usage_by_api_key ORDER BY 1, 2",
    ) == [
        ("", NOV, None, None, None),
        ("k1", NOV, "first", "second", "o2"),
        ("k1", second, "first", "second", "o2"),
        ("k1", third, "second", "second", "o2"),
        ("k1", NOV + timedelta(3), "second", "second", "o2"),
        ("k2", NOV, None, None, None),
    ]


def test_meters_and_units_are_the_contracts(cursor: Cursor) -> None:
    meters = [column for column in contract("usage_daily").columns if column.role == "meter"]
    add_usage(cursor, **{column.name: place for place, column in enumerate(meters)})
    found = answer(cursor, "SELECT meter, unit, quantity FROM marts.usage_meters")
    assert sorted(found) == sorted((column.name, column.unit, place) for place, column in enumerate(meters))


def test_usage_meters_leave_out_what_is_not_metered(cursor: Cursor) -> None:
    add_usage(cursor, model="a", api_key_id="k1", output_tokens=0, audio_seconds=Decimal("0.000000001"))
    add_usage(cursor, model="b")
    add_usage(cursor, model="a", breakdown="user", output_tokens=1)
    assert answer(
        cursor,
        "SELECT connection_id, usage_date, model, api_key_id, meter, unit, quantity"
        " FROM marts.usage_meters ORDER BY meter",
    ) == [
        ("acme", NOV, "a", "k1", "audio_seconds", "seconds", Decimal("1E-9")),
        ("acme", NOV, "a", "k1", "output_tokens", "tokens", 0),
    ]
    same = set(columns(cursor, "daily_usage")) & set(columns(cursor, "usage_meters"))
    assert {*contract("usage_daily").names("key", "dimension"), "provider", "account_id"} <= same


# Cost


def test_daily_cost_adds_no_quantities_of_two_units(cursor: Cursor) -> None:
    add_cost(cursor, line_item="i", unit="tokens", quantity=120_712, amount=1)
    add_cost(cursor, line_item="i", unit="1000_tokens", quantity=40, amount=2)
    assert answer(cursor, "SELECT unit, quantity FROM marts.daily_cost ORDER BY unit") == [
        ("1000_tokens", 40),
        ("tokens", 120_712),
    ]


def test_monthly_spend_says_how_much_of_the_month_it_is(cursor: Cursor) -> None:
    add_connection(cursor, account_id="account")
    for month in (date(2026, 2, 1), date(2026, 3, 1)):
        cursor.execute(statement("ops/ensure_month"), {"fact": "cost_daily", "month": month})
    for number in range(28):
        add_day(cursor, date(2026, 2, 1) + timedelta(number), report="cost", settled=True)
        add_cost(cursor, usage_date=date(2026, 2, 1) + timedelta(number), amount=2)
    add_cost(cursor, usage_date=date(2026, 2, 3), amount=100, breakdown="user")
    add_cost(cursor, usage_date=date(2026, 2, 3), amount=7, currency="EUR")
    for number in range(14):
        add_day(cursor, date(2026, 3, 1) + timedelta(number), report="cost", settled=number < 10)
        add_cost(cursor, usage_date=date(2026, 3, 1) + timedelta(number), amount=3)
    add_cost(cursor, connection_id="gone", usage_date=date(2026, 3, 1), amount=9)
    know_reports(cursor)
    assert answer(
        cursor,
        "SELECT connection_id, month, currency, amount, days, loaded_days, settled_days, whole FROM marts.monthly_spend"
        " ORDER BY 1, 2, 3",
    ) == [
        ("acme", date(2026, 2, 1), "EUR", 7, 28, 28, 28, True),
        ("acme", date(2026, 2, 1), "USD", 56, 28, 28, 28, True),
        ("acme", date(2026, 3, 1), "USD", 42, 31, 14, 10, False),
        ("gone", date(2026, 3, 1), "USD", 9, None, None, None, False),
    ]


def test_daily_cost_sums_one_currency_and_item(cursor: Cursor) -> None:
    add_cost(cursor, category="c", line_item="i", usage_type="training", quantity=1, amount=UNIT)
    add_cost(cursor, category="c", line_item="i", usage_type="training", quantity=2, amount=10**19)
    add_cost(cursor, category="c", line_item="i", usage_type="training", breakdown="user", amount=7)
    add_cost(cursor, category="c", line_item="i", currency="EUR", amount=5)
    add_cost(cursor, charge_category="Credit", amount=-3)
    add_cost(cursor, charge_category="Credit", basis="billed", amount=-4)
    add_day(cursor, NOV, report="cost", settled=True)
    add_cost(cursor, report="bill", line_item="j", amount=1)
    add_cost(cursor, line_item="j", amount=2)
    assert answer(
        cursor,
        "SELECT connection_id, provider, usage_date, currency, usage_type, category, charge_category, line_item, basis,"
        " quantity, amount, settled FROM marts.daily_cost ORDER BY amount",
    ) == [
        ("acme", "fireworks", NOV, "USD", "", "", "Credit", "", "billed", None, -4, True),
        ("acme", "fireworks", NOV, "USD", "", "", "Credit", "", "rated", None, -3, True),
        ("acme", "fireworks", NOV, "USD", "", "", "Usage", "j", "rated", None, 3, False),
        ("acme", "fireworks", NOV, "EUR", "", "c", "Usage", "i", "rated", None, 5, True),
        (
            "acme",
            "fireworks",
            NOV,
            "USD",
            "training",
            "c",
            "Usage",
            "i",
            "rated",
            3,
            Decimal("10000000000000000000.000000000000000001"),
            True,
        ),
    ]


# What is known, and how it fares


def test_coverage_is_a_whole_calendar_up_to_yesterday(cursor: Cursor) -> None:
    last = yesterday(cursor)
    days = [last - timedelta(back) for back in range(5, -1, -1)]
    add_connection(cursor, account_id="account")
    add_connection(cursor, "gone", retired_at=NOON)
    add_connection(cursor, "new")
    confirmed = {"load_id": LOAD, "fetched_at": NOON}
    add_day(cursor, days[0], row_count=7, settled=True, **confirmed)
    add_day(cursor, days[1], "empty", **confirmed)
    add_day(cursor, days[2], "held", row_count=2, **confirmed)
    add_day(cursor, days[4], "failed")
    add_day(cursor, days[0], connection_id="gone")
    know_reports(cursor)
    assert answer(
        cursor,
        "SELECT connection_id, provider, account_id, report, usage_date, day_zone, state, row_count, settled,"
        " fetched_at, load_id::text FROM marts.coverage ORDER BY connection_id, usage_date",
    ) == [
        ("acme", "fireworks", "account", "usage", day, "UTC", *rest)
        for day, rest in zip(
            days,
            [
                ("loaded", 7, True, NOON, LOAD),
                ("empty", 0, False, NOON, LOAD),
                ("held", 2, False, NOON, LOAD),
                ("missing", None, False, None, None),
                ("failed", None, False, None, None),
                ("missing", None, False, None, None),
            ],
            strict=True,
        )
    ]


@pytest.mark.parametrize("session", ["UTC", "America/Santiago", "Pacific/Auckland"])
def test_coverage_ends_yesterday_in_the_reports_own_days(cursor: Cursor, session: str) -> None:
    """26 hours apart, so that the two reports' yesterdays always differ; over a year of clock changes."""
    cursor.execute("SELECT set_config('timezone', %s, true)", [session])
    first = yesterday(cursor) - timedelta(400)
    zones = {"east": "Pacific/Kiritimati", "west": "Etc/GMT+12"}
    add_connection(cursor)
    for report, zone in zones.items():
        add_day(cursor, first, report=report, day_zone=zone)
    know_reports(cursor)
    found = answer(
        cursor,
        "SELECT report, min(usage_date), max(usage_date), count(DISTINCT usage_date), count(*), min(day_zone)"
        " FROM marts.coverage GROUP BY report",
    )
    ends = {report: yesterday(cursor, zone) for report, zone in zones.items()}
    assert ends["east"] > ends["west"]
    assert sorted(found) == [
        (report, first, end, (end - first).days + 1, (end - first).days + 1, zones[report])
        for report, end in sorted(ends.items())
    ]


def test_half_a_month_never_looks_whole(cursor: Cursor) -> None:
    """A month is whole when each of its dates, those before the first known one too, is loaded and settled."""
    add_connection(cursor, account_id="account")
    whole, half, late = date(2026, 2, 1), date(2026, 3, 1), date(2026, 3, 17)
    for number in range(28):
        add_day(cursor, whole + timedelta(number), "empty" if number == 3 else "loaded", settled=True)
    for number in range(16, 31):
        add_day(cursor, half + timedelta(number), report="cost", settled=number < 20)
    add_day(cursor, half, "failed")
    add_day(cursor, late, "held")
    know_reports(cursor)
    columns = "days, loaded_days, settled_days, held_days, failed_days, missing_days, whole"
    months = answer(
        cursor, f"SELECT report, month, {columns} FROM marts.monthly_coverage WHERE month <= '2026-03-01' ORDER BY 1, 2"
    )
    assert months == [
        ("cost", half, 31, 15, 4, 0, 0, 16, False),
        ("usage", whole, 28, 28, 28, 0, 0, 0, True),
        ("usage", half, 31, 0, 0, 1, 1, 29, False),
    ]


def test_the_month_that_goes_on_lacks_no_date_to_come(cursor: Cursor) -> None:
    last = yesterday(cursor)
    add_connection(cursor)
    add_day(cursor, last, settled=True)
    know_reports(cursor)
    [(days, loaded, missing, whole)] = answer(
        cursor, "SELECT days, loaded_days, missing_days, whole FROM marts.monthly_coverage"
    )
    assert (loaded, missing, whole) == (1, last.day - 1, days == 1)


def state_of(cursor: Cursor, connection_id: str = "acme") -> str:
    know_reports(cursor)
    cursor.execute("SELECT state FROM marts.connection_status WHERE connection_id = %s", [connection_id])
    ((state,),) = cursor.fetchall()
    return state


def test_connection_status_tells_all(cursor: Cursor) -> None:
    moment, last = now(cursor), yesterday(cursor)
    add_connection(cursor, account_id="account", timezone="Asia/Tokyo", since=NOON)
    for back, state in ((9, "empty"), (8, "failed"), (7, "held"), (6, "loaded"), (4, "failed")):
        add_day(cursor, last - timedelta(back), state)
    add_load(cursor, "loaded", moment - timedelta(hours=3))
    add_load(cursor, "loaded", moment - timedelta(hours=2), report="cost")
    add_load(cursor, "held", moment - timedelta(hours=1), report="cost")
    add_load(cursor, "failed", moment - timedelta(hours=4), error_class="Old", error_message="mended since")
    add_load(cursor, "landed", moment - timedelta(minutes=9), error_class="BadKey", error_message="401")
    add_load(cursor, "failed", moment - timedelta(minutes=99), error_class="Older", error_message="503")
    add_load(cursor, "failed", moment - timedelta(minutes=1), "other", error_class="No", error_message="not ours")
    for ago, severity in ((8, "error"), (6, "error"), (5, "warning"), (1, "info")):
        add(
            cursor, "ops.event", connection_id="acme", at=moment - timedelta(ago), kind="k", severity=severity,
            message=f"{ago} days ago", next_step=f"step {ago}",
        )  # fmt: skip
    know_reports(cursor)
    assert answer(cursor, "SELECT * FROM marts.connection_status") == [
        (
            *("acme", "fireworks", "account", "Asia/Tokyo", NOON, None, "failing"),
            *(moment - timedelta(hours=2), last - timedelta(6), 5, 2, 1),
            *("usage", "BadKey", "401", moment - timedelta(minutes=9)),
            *(2, "5 days ago", "step 5", moment - timedelta(5)),
        )
    ]


def test_a_connection_is_new_then_behind(cursor: Cursor) -> None:
    add_connection(cursor, since=now(cursor) - timedelta(hours=47))
    assert state_of(cursor) == "new"
    add_connection(cursor, "late", since=now(cursor) - timedelta(hours=49))
    assert state_of(cursor, "late") == "behind"
    found = answer(cursor, "SELECT missing_days, failed_days, held_days, open_events FROM marts.connection_status")
    assert found == [(0, 0, 0, 0)] * 2


@pytest.mark.parametrize("state", ["missing", "failed"])
def test_a_connection_is_behind_when_a_day_before_yesterday_lacks(cursor: Cursor, state: str) -> None:
    last = yesterday(cursor)
    add_connection(cursor)
    add_load(cursor, "loaded", now(cursor))
    add_day(cursor, last - timedelta(2))
    if state == "failed":
        add_day(cursor, last - timedelta(1), "failed")
    assert state_of(cursor) == "behind"


def test_a_connection_is_ok_while_yesterday_alone_is_missing(cursor: Cursor) -> None:
    add_connection(cursor)
    add_load(cursor, "loaded", now(cursor))
    add_day(cursor, yesterday(cursor) - timedelta(1))
    assert state_of(cursor) == "ok"
    assert answer(cursor, "SELECT missing_days FROM marts.connection_status") == [(1,)]


def test_a_held_day_goes_before_a_missing_one(cursor: Cursor) -> None:
    add_connection(cursor, since=NOON)
    add_day(cursor, yesterday(cursor) - timedelta(5), "held")
    assert state_of(cursor) == "held"


def test_an_error_stands_until_its_report_comes_through(cursor: Cursor) -> None:
    moment = now(cursor)
    add_connection(cursor)
    add_load(cursor, "failed", moment - timedelta(hours=3), error_class="BadKey", error_message="401")
    add_load(cursor, "loaded", moment - timedelta(hours=2), report="cost")
    add_load(cursor, "superseded", moment - timedelta(hours=1))
    assert state_of(cursor) == "failing"
    add_load(cursor, "held", moment)
    assert state_of(cursor) == "ok"


def test_a_report_that_is_no_longer_fetched_counts_no_more(cursor: Cursor) -> None:
    add_connection(cursor)
    add_load(cursor, "loaded", now(cursor))
    add_day(cursor, yesterday(cursor))
    add_load(cursor, "failed", now(cursor), report="cost", error_class="NoPermission", error_message="403")
    add_day(cursor, yesterday(cursor) - timedelta(9), "failed", report="cost")
    assert state_of(cursor) == "failing"
    cursor.execute("UPDATE ops.connection_report SET last_error_at = NULL WHERE report = 'cost'")
    behind = "SELECT state, missing_days, failed_days, last_error_report FROM marts.connection_status"
    assert answer(cursor, behind) == [("behind", 9, 1, None)]
    cursor.execute("UPDATE ops.connection_report SET until = now(), last_error_at = now() WHERE report = 'cost'")
    assert answer(cursor, behind) == [("ok", 0, 0, None)]
    assert answer(cursor, "SELECT DISTINCT report FROM marts.coverage") == [("usage",)]


def test_a_date_of_today_is_no_substitute_for_a_missing_one(cursor: Cursor) -> None:
    add_connection(cursor)
    add_load(cursor, "loaded", now(cursor))
    for back in (-1, 3, 4):
        add_day(cursor, yesterday(cursor) - timedelta(back))
    assert state_of(cursor) == "behind"
    counted = "SELECT missing_days, newest_loaded_date FROM marts.connection_status"
    assert answer(cursor, counted) == [(3, yesterday(cursor) + timedelta(1))]


def test_a_retired_connection_says_so_first(cursor: Cursor) -> None:
    add_connection(cursor, retired_at=NOON)
    add_load(cursor, "failed", now(cursor), error_class="BadKey", error_message="401")
    add_day(cursor, yesterday(cursor) - timedelta(3), "held")
    assert state_of(cursor) == "retired"
    found = answer(cursor, "SELECT missing_days, failed_days, held_days FROM marts.connection_status")
    assert found == [(None, None, None)]


# What moved


def add_restatement(
    cursor: Cursor, meter: str, old: object, new: object, at: datetime = NOON, **dimensions: str
) -> None:
    cause = dimensions.pop("cause", "provider")
    add(
        cursor, "ops.restatement", connection_id="acme", report="usage", usage_date=NOV,
        table_name="cost_daily" if dimensions else "usage_daily", row_key=str(uuid.UUID(int=next(_numbers))),
        dimensions=Json(dimensions), meter=meter, old=old, new=new, new_load_id=LOAD, cause=cause, detected_at=at,
    )  # fmt: skip


def test_names_that_a_key_may_not_read_do_not_make_a_connection_failing(cursor: Cursor) -> None:
    add_connection(cursor)
    add_load(cursor, "loaded", NOON)
    add_day(cursor, NOV)
    add_load(cursor, "failed", NOON, report="api_keys", error_class="NoPermission", error_message="no")
    assert state_of(cursor) != "failing"
    later = NOON + timedelta(hours=1)
    add_load(cursor, "failed", later, report="api_keys", error_class="Shape", error_message="no")
    assert state_of(cursor) == "failing"
    cursor.execute("DELETE FROM ops.load WHERE error_class = 'Shape'")
    add_load(cursor, "failed", NOON + timedelta(1), error_class="NoPermission", error_message="no")
    assert state_of(cursor) == "failing"


def test_restatements_say_what_moved(cursor: Cursor) -> None:
    add_restatement(cursor, "input_tokens", 10, 12)
    add_restatement(cursor, "input_tokens", None, 5)
    add_restatement(cursor, "input_tokens", 4, None)
    add_restatement(cursor, "output_tokens", None, 0)
    add_restatement(cursor, "audio_seconds", Decimal("1E-9"), None)
    add_restatement(cursor, "training_tokens", 1, 2)
    add_restatement(cursor, "training_tokens", 1, 2, at=NOON + timedelta(hours=12))
    add_restatement(cursor, "training_tokens", 1, 3, cause="declaration")
    found = answer(
        cursor,
        "SELECT connection_id, report, usage_date, detected_on, table_name, meter, currency, line_item, cause,"
        " row_count, old, new, difference FROM marts.restatements ORDER BY meter, detected_on, new DESC",
    )
    same = ("acme", "usage", NOV)
    today = (*same, NOON.date(), "usage_daily")
    assert found == [
        (*today, "audio_seconds", "", "", "provider", 1, Decimal("1E-9"), None, -Decimal("1E-9")),
        (*today, "input_tokens", "", "", "provider", 3, 14, 17, 3),
        (*today, "output_tokens", "", "", "provider", 1, None, 0, 0),
        (*today, "training_tokens", "", "", "declaration", 1, 1, 3, 2),
        (*today, "training_tokens", "", "", "provider", 1, 1, 2, 1),
        (*same, date(2026, 11, 21), "usage_daily", "training_tokens", "", "", "provider", 1, 1, 2, 1),
    ]


def test_a_row_that_moves_twice_on_a_day_moves_from_its_first_value_to_its_last(cursor: Cursor) -> None:
    for hours, old, new in ((1, 10, 20), (2, 20, 30)):
        add_restatement(cursor, "input_tokens", old, new, at=NOON + timedelta(hours=hours))
    add_restatement(cursor, "input_tokens", 1, 2)
    cursor.execute("UPDATE ops.restatement SET row_key = %s, new_load_id = gen_random_uuid() WHERE old >= 10", [LOAD])
    found = answer(cursor, "SELECT row_count, old, new, difference FROM marts.restatements")
    assert found == [(2, 11, 32, 21)]


def test_restated_money_keeps_currencies_and_prices_apart(cursor: Cursor) -> None:
    add_restatement(cursor, "amount", 1, 1 + UNIT, currency="USD", line_item="a", category="x")
    add_restatement(cursor, "amount", 1, 1, currency="USD", line_item="a", category="y")
    add_restatement(cursor, "amount", 1, 2, currency="EUR", line_item="a")
    add_restatement(cursor, "amount", 1, 3, currency="USD", line_item="b")
    add_restatement(cursor, "unit_price", 2, 3, currency="USD", line_item="a", category="x")
    add_restatement(cursor, "unit_price", 2, 3, currency="USD", line_item="a", category="y")
    add_restatement(cursor, "unit_price", 2, 4, currency="USD", line_item="b")
    assert answer(
        cursor,
        "SELECT meter, currency, line_item, row_count, old, new, difference FROM marts.restatements"
        " WHERE table_name = 'cost_daily' ORDER BY meter, currency, line_item",
    ) == [
        ("amount", "EUR", "a", 1, 1, 2, 1),
        ("amount", "USD", "a", 2, 2, 2 + UNIT, UNIT),
        ("amount", "USD", "b", 1, 1, 3, 2),
        ("unit_price", "USD", "a", 2, None, None, None),
        ("unit_price", "USD", "b", 1, 2, 4, 2),
    ]
    unsummed = {column.name for column in contract("cost_daily").columns if not column.additive}
    unsummed |= {column.name for column in contract("usage_daily").columns if not column.additive}
    assert unsummed == {"unit_price", "storage_bytes", "peak_input_tokens_per_second", "peak_output_tokens_per_second"}


def add_change(
    cursor: Cursor, days: int, old: object, new: object, meter: str = "input_tokens", **dimensions: str
) -> None:
    """A change that was read that many days, and nine hours, after the end of the usage date."""
    add_restatement(cursor, meter, old, new, at=datetime(2026, 11, 2, 9, tzinfo=UTC) + timedelta(days), **dimensions)


def look_back(cursor: Cursor, days: int) -> None:
    add(cursor, "ops.connection_report", connection_id="acme", report="usage", lookback_days=days)


LAG = (
    "SELECT age_days, row_count, change, share_of_rows, share_of_change, share_of_rows_after_lookback,"
    " share_of_change_after_lookback FROM marts.restatement_lag"
)


def test_a_lag_says_at_which_age_figures_moved_and_what_share_came_after_the_look_back(cursor: Cursor) -> None:
    look_back(cursor, 3)
    add_change(cursor, 0, 100, 110)
    add_change(cursor, 0, None, 20)
    add_change(cursor, 3, 8, 4)
    add_change(cursor, 4, 10, None)
    add_change(cursor, 29, 1, 7)
    add_change(cursor, 29, 1, 1000, cause="declaration")
    add_change(cursor, 1, 1, 2, meter="output_tokens")
    after = (Decimal("0.4"), Decimal("0.32"))
    assert answer(cursor, LAG + " WHERE meter = 'input_tokens' ORDER BY age_days") == [
        (0, 2, 30, Decimal("0.4"), Decimal("0.6"), *after),
        (3, 1, 4, Decimal("0.2"), Decimal("0.08"), *after),
        (4, 1, 10, Decimal("0.2"), Decimal("0.2"), *after),
        (29, 1, 6, Decimal("0.2"), Decimal("0.12"), *after),
    ]
    assert answer(cursor, LAG + " WHERE meter = 'output_tokens'") == [(1, 1, 1, 1, 1, 0, 0)]


def test_the_age_of_a_change_is_counted_in_the_reports_own_days(cursor: Cursor) -> None:
    look_back(cursor, 3)
    add_day(cursor, NOV, day_zone="America/Los_Angeles")
    add_change(cursor, 0, 1, 2)
    add_restatement(cursor, "output_tokens", 1, 2, at=datetime(2026, 11, 3, 7, tzinfo=UTC))
    add_restatement(cursor, "output_tokens", 1, 2, at=datetime(2026, 11, 3, 8, tzinfo=UTC))
    found = answer(cursor, "SELECT meter, age_days FROM marts.restatement_lag ORDER BY meter, age_days")
    assert found == [("input_tokens", 0), ("output_tokens", 0), ("output_tokens", 1)]


def test_a_lag_keeps_currencies_apart_to_the_last_place_and_adds_no_prices(cursor: Cursor) -> None:
    look_back(cursor, 0)
    add_change(cursor, 0, 1, 1 + UNIT, meter="amount", currency="USD", line_item="a")
    add_change(cursor, 1, 1, 1 - UNIT, meter="amount", currency="USD", line_item="a")
    add_change(cursor, 1, 0, 5, meter="amount", currency="EUR", line_item="a")
    add_change(cursor, 2, 1, 2, meter="unit_price", currency="USD", line_item="a")
    half = Decimal("0.5")
    assert answer(cursor, LAG.replace("SELECT", "SELECT meter, currency,") + " ORDER BY meter, currency, age_days") == [
        ("amount", "EUR", 1, 1, 5, 1, 1, 1, 1),
        ("amount", "USD", 0, 1, UNIT, half, half, half, half),
        ("amount", "USD", 1, 1, UNIT, half, half, half, half),
        ("unit_price", "USD", 2, 1, None, 1, None, 1, None),
    ]


def test_a_row_that_moves_twice_at_one_age_counts_once_and_an_unknown_look_back_is_no_zero(cursor: Cursor) -> None:
    for hours, old, new in ((9, 10, 20), (10, 20, 15)):
        add_restatement(cursor, "input_tokens", old, new, at=datetime(2026, 11, 2, hours, tzinfo=UTC))
    cursor.execute("UPDATE ops.restatement SET row_key = %s, new_load_id = gen_random_uuid()", [LOAD])
    assert answer(cursor, LAG) == [(0, 1, 5, 1, 1, None, None)]
