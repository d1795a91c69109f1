"""The warehouse's schema is brought up to date from anywhere, once, beside others, with few rights."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kit.upgrading import ask
from sqlalchemy import Engine

from usage_ledger.contracts.registry import contract
from usage_ledger.core.project import SQL
from usage_ledger.core.warehouse_errors import WarehouseRefused
from usage_ledger.warehouse.engine import warehouse_engine
from usage_ledger.warehouse.marts import mart_name, marts
from usage_ledger.warehouse.schema import ensure_schema, steps

FIRST = "001_facts"
PARTS = [(part,) for part in ("allocation", "bi_reader", "families", "mart_names", "marts", "providers", "release")]


@pytest.fixture
def ddl(tmp_path: Path) -> Path:
    """A copy of the numbered steps, to be changed."""
    return Path(shutil.copytree(SQL / "ddl", tmp_path / "ddl"))


def columns(engine: Engine) -> dict[str, list[tuple[str, str, str]]]:
    found: dict[str, list[tuple[str, str, str]]] = {}
    for table, *column in ask(
        engine,
        "SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull::text FROM pg_attribute"
        " JOIN pg_class AS c ON c.oid = attrelid WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'v')"
        " AND relnamespace::regnamespace::text IN ('ledger', 'ops', 'marts') ORDER BY 1, attnum",
    ):
        found.setdefault(table, []).append(tuple(column))
    return found


def objects(engine: Engine) -> list[tuple[Any, ...]]:
    """Every table, view and function of ours; an object that is made anew has another number."""
    return ask(
        engine,
        "SELECT oid, relname FROM pg_class WHERE relnamespace::regnamespace::text IN ('ledger', 'ops', 'marts')"
        " UNION ALL SELECT oid, proname FROM pg_proc WHERE pronamespace = 'ops'::regnamespace ORDER BY 1",
    )


def test_from_nothing_every_table_has_its_contracts_columns_and_every_mart_is_there(database: Engine) -> None:
    assert ensure_schema(database)
    found = columns(database)
    for name in ("usage_daily", "cost_daily"):
        wanted = contract(name)
        made = [(c.name, c.type.replace("timestamptz", "timestamp with time zone")) for c in wanted.columns]
        assert [(column, kind) for column, kind, _ in found[f"{wanted.schema}.{name}"]] == made
        assert {column for column, _, needed in found[f"ledger.{name}"] if needed == "true"} == {
            column.name for column in wanted.columns if column.required
        }
    assert {f"marts.{mart_name(path)}" for path in marts()} <= set(found)
    assert sorted(ask(database, "SELECT part FROM ops.schema_part")) == sorted(
        [*((step.name,) for step in steps()), *PARTS]
    )


def test_every_step_has_a_number_of_its_own() -> None:
    numbers = [step.name[:3] for step in steps()]
    assert numbers == [f"{number:03}" for number in range(1, len(numbers) + 1)]


def test_applied_again_nothing_is_made_anew(database: Engine) -> None:
    ensure_schema(database)
    before = objects(database)
    assert not ensure_schema(database)
    assert objects(database) == before


@pytest.mark.parametrize("kept", range(1, len(steps())))
def test_each_previous_version_grows_into_this_one_and_its_rows_stand(
    database: Engine, ddl: Path, own_marts: Path, kept: int
) -> None:
    for step in steps(ddl)[kept:]:
        shutil.rmtree(step)
    (own_marts / "01_sums.sql").write_text("-- Nothing yet.\nCREATE VIEW marts.sums AS SELECT 0 AS input_tokens")
    assert ensure_schema(database, ddl=ddl)
    ask(database, "INSERT INTO ops.connection VALUES ('acme', 'fireworks', 'acme', 'UTC')")
    ask(database, "SELECT ops.ensure_month('usage_daily', '2026-06-01')")
    then = {column for column, *_ in columns(database)["ledger.usage_daily"]}
    told = [name for name in contract("usage_daily").names("dimension") if name in then]
    dimensions, blanks = ", ".join(told), ", ".join(["''"] * len(told))
    ask(
        database,
        f"INSERT INTO ledger.usage_daily (connection_id, report, usage_date, row_key, {dimensions}, provider,"
        " account_id, breakdown, basis, bucket_start, bucket_end, load_id, input_tokens)"
        f" VALUES ('acme', 'usage', '2026-06-01', gen_random_uuid(), {blanks}, 'fireworks', 'acme', '', 'metered',"
        " now(), now(), gen_random_uuid(), 7)",
    )
    known = ", ".join(f"u.{name}::text" for name in sorted(then))
    held = f"SELECT {known}, c::text FROM ledger.usage_daily AS u, ops.connection AS c"
    before = ask(database, held)
    (own_marts / "01_sums.sql").write_text(
        "-- Sums.\nCREATE VIEW marts.sums AS SELECT input_tokens FROM ledger.usage_daily"
    )
    assert ensure_schema(database)
    assert (ask(database, held), len(before)) == (before, 1)
    assert ask(database, "SELECT * FROM marts.sums") == [(7,)]
    assert {"ops.restatement", "ledger.name"} <= set(columns(database))
    assert sorted(ask(database, "SELECT part FROM ops.schema_part")) == sorted(
        [*((step.name,) for step in steps()), *PARTS]
    )


@pytest.fixture
def at_once(database: Engine) -> Iterator[Callable[..., list[bool]]]:
    """Brings the schema up to date from four engines at the same time."""
    engines = [warehouse_engine(database.url) for _ in range(4)]

    def run(**options: Path) -> list[bool]:
        with ThreadPoolExecutor(4) as pool:
            return sorted(pool.map(lambda engine: ensure_schema(engine, **options), engines))

    yield run
    for engine in engines:
        engine.dispose()


def test_many_at_once_make_one_schema(database: Engine, at_once: Callable[..., list[bool]]) -> None:
    assert at_once() == [False, False, False, True]
    assert not ensure_schema(database)


def test_many_at_once_run_a_new_step_once(database: Engine, ddl: Path, at_once: Callable[..., list[bool]]) -> None:
    ensure_schema(database)
    ask(database, "CREATE TABLE ops.counted (n int)")
    (ddl / "999_next").mkdir()
    (ddl / "999_next" / "01_next.sql").write_text("INSERT INTO ops.counted SELECT 1 FROM pg_sleep(0.2)")
    assert at_once(ddl=ddl) == [False, False, False, True]
    assert ask(database, "SELECT count(*) FROM ops.counted") == [(1,)]


@pytest.mark.parametrize("change", ["text", "more", "less"])
def test_an_applied_step_that_differs_is_refused_and_nothing_changes(database: Engine, ddl: Path, change: str) -> None:
    ensure_schema(database, ddl=ddl)
    before = objects(database)
    files = sorted((ddl / FIRST).glob("*.sql"))
    if change == "text":
        files[0].write_text(files[0].read_text() + "\n-- a word more\n")
    elif change == "more":
        (ddl / FIRST / "99_more.sql").write_text("CREATE TABLE ops.more (n int)")
    else:
        files[-1].unlink()
    (ddl / "999_next").mkdir()
    (ddl / "999_next" / "01_next.sql").write_text("CREATE TABLE ops.next (n int)")
    with pytest.raises(WarehouseRefused, match=FIRST) as raised:
        ensure_schema(database, ddl=ddl)
    assert "new step" in raised.value.next_step
    assert objects(database) == before


def test_a_step_that_fails_leaves_nothing_behind(database: Engine, ddl: Path) -> None:
    (ddl / "999_next").mkdir()
    (ddl / "999_next" / "01_next.sql").write_text("CREATE TABLE ops.next (n int)")
    (ddl / "999_next" / "02_wrong.sql").write_text("ALTER TABLE ops.nowhere ADD COLUMN n int")
    with pytest.raises(WarehouseRefused):
        ensure_schema(database, ddl=ddl)
    assert columns(database) == {}
    (ddl / "999_next" / "02_wrong.sql").unlink()
    assert ensure_schema(database, ddl=ddl)


def test_marts_are_made_anew_when_their_text_changes_and_old_ones_go(database: Engine, own_marts: Path) -> None:
    one, two = own_marts / "01_one.sql", own_marts / "02_two.sql"
    one.write_text("-- One.\n-- n: A number.\nCREATE VIEW marts.one AS SELECT 1 AS n")
    two.write_text("-- Two.\nCREATE VIEW marts.two AS SELECT n FROM marts.one")
    assert ensure_schema(database)
    assert not ensure_schema(database)
    one.write_text("-- Uno.\n-- n: A text.\nCREATE VIEW marts.one AS SELECT 'x' AS n")
    two.unlink()
    assert ensure_schema(database)
    assert ask(database, "SELECT n FROM marts.one") == [("x",)]
    told = "SELECT obj_description('marts.one'::regclass, 'pg_class'), col_description('marts.one'::regclass, 1)"
    assert ask(database, told) == [("Uno.", "A text.")]
    assert "marts.two" not in columns(database)


# Rights


@pytest.fixture
def humble(empty_database: Callable[..., Engine], administer: Callable[[str], None]) -> Iterator[Engine]:
    """A database owned by a role that may not make roles, on a server without `bi_reader`."""
    role, aside = f"loader_{uuid.uuid4().hex[:12]}", f"aside_{uuid.uuid4().hex[:12]}"
    administer(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB")
    rename = "DO $$ BEGIN ALTER ROLE {} RENAME TO {}; EXCEPTION WHEN undefined_object THEN NULL; END $$"
    administer(rename.format("bi_reader", aside))
    engine = empty_database(role)
    try:
        yield engine
    finally:
        ask(engine, "DROP SCHEMA IF EXISTS marts CASCADE")
        administer("DROP ROLE IF EXISTS bi_reader")
        administer(rename.format(aside, "bi_reader"))


def may_read(engine: Engine, table: str) -> bool:
    return ask(engine, f"SELECT has_table_privilege('bi_reader', '{table}', 'SELECT')") == [(True,)]


def test_a_role_that_may_not_make_roles_still_gets_the_whole_schema(humble: Engine) -> None:
    assert ask(humble, "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user") == [(False, False)]
    assert ensure_schema(humble)
    assert ask(humble, "SELECT count(*) FROM pg_roles WHERE rolname = 'bi_reader'") == [(0,)]
    assert ask(humble, "SELECT count(*) FROM marts.daily_usage") == [(0,)]
    assert ask(humble, "SELECT ops.ensure_month('usage_daily', '2026-06-01')::text") == [("",)]


def test_a_missing_reader_role_is_told_to_a_person(humble: Engine, caplog: pytest.LogCaptureFixture) -> None:
    ensure_schema(humble)
    assert "bi_reader" in caplog.text


def test_a_reader_role_that_is_made_later_is_granted_the_marts(
    humble: Engine, administer: Callable[[str], None]
) -> None:
    ensure_schema(humble)
    administer("CREATE ROLE bi_reader NOLOGIN")
    ensure_schema(humble)
    assert may_read(humble, "marts.daily_usage")


def test_the_reader_role_sees_the_marts_and_nothing_else(database: Engine) -> None:
    ensure_schema(database)
    assert may_read(database, "marts.daily_usage")
    for table in ("ledger.usage_daily", "ledger.cost_daily", "ledger.name", "ops.load", "ops.event"):
        assert not may_read(database, table)
