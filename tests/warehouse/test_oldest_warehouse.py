"""A warehouse that the first release filled is brought up to date with its rows in place.

`tests/fixtures/oldest_warehouse.sql` is a plain `pg_dump` of it: five dates of Fireworks AI's usage, cost and keys,
loaded twice by release 0.1.0 as of 2026-11-21 (b496fc6), the second time from an account whose figures had changed.
"""

import subprocess
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from kit.provider_site import KEY, NOW
from kit.upgrading import ask
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core.project import ROOT
from usage_ledger.core.warehouse_errors import WarehouseRefused
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.local.postgres import program
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import run_all
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.warehouse.schema import ensure_schema

DUMP = ROOT / "tests" / "fixtures" / "oldest_warehouse.sql"
FIRST, LAST = date(2026, 10, 30), date(2026, 11, 3)
MOVED = "daily_usage_by_api_key"
"""The one mart that has changed since otherwise than at its end."""
TABLES = (
    "ledger.usage_daily",
    "ledger.cost_daily",
    "ledger.name",
    "ops.restatement",
    "ops.load",
    "ops.day",
    "ops.event",
)


@pytest.fixture
def oldest(empty_database: Callable[..., Engine], administer: Callable[[str], None]) -> Engine:
    """The warehouse as the first release left it."""
    engine = empty_database()
    administer("DO $$ BEGIN CREATE ROLE bi_reader NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    where = ("--host", str(engine.url.query["host"]), "--username", "postgres", "--dbname", str(engine.url.database))
    command = [str(program("psql")), "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", *where, "--file", str(DUMP)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return engine


@pytest.fixture
def role(administer: Callable[[str], None], oldest: Engine) -> Iterator[str]:
    """A role of a team's own."""
    name = f"team_{uuid.uuid4().hex[:12]}"
    administer(f"CREATE ROLE {name} NOLOGIN")
    yield name
    ask(oldest, f"DROP OWNED BY {name}")
    administer(f"DROP ROLE {name}")


@pytest.fixture
def then(oldest: Engine) -> dict[str, list[str]]:
    """The columns that each table had, before the upgrade."""
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = '{}'::regclass AND attnum > 0 AND NOT attisdropped"
    return {table: [name for (name,) in ask(oldest, columns.format(table))] for table in TABLES}


def rows(engine: Engine, then: dict[str, list[str]]) -> dict[str, object]:
    """Every value of every row in the columns of that time."""
    return {
        table: ask(
            engine, f"SELECT {', '.join(f'{name}::text' for name in columns)} FROM {table} ORDER BY 1, 2, 3, 4, 5"
        )
        for table, columns in then.items()
    }


def sums(engine: Engine, then: dict[str, list[str]]) -> list[object]:
    """The sum of every number of the facts, exactly."""
    numbers = "SELECT attname FROM pg_attribute WHERE attrelid = '{}'::regclass AND atttypid IN (20, 1700)"
    found: list[object] = []
    for table in TABLES[:2]:
        names = [name for (name,) in ask(engine, numbers.format(table)) if name in then[table]]
        assert names
        found.append(ask(engine, f"SELECT count(*), {', '.join(f'sum({name})' for name in names)} FROM {table}"))
    return found


def load_next(engine: Engine, folder: Path) -> None:
    truth = FireworksTruth(account="acme", keys=2, models=2, deployments=1)
    connection = Connection(id="acme", provider="fireworks", account="acme", timezone="UTC")
    with (
        running(create_app([truth], KEY, now=lambda: NOW)) as url,
        Client(connection.declared, base_url=url, credential=Credential(KEY), account="acme") as client,
    ):
        ran = run_all(connection, Dates(FIRST, LAST), client=client, engine=engine, root=folder, now=NOW)
    assert not ran.failures
    expected = truth.expected_usage(FIRST, date(2026, 11, 4), "UTC")
    tokens = "SELECT usage_date, sum(input_tokens)::bigint FROM ledger.usage_daily GROUP BY 1"
    assert dict(ask(engine, tokens)) == {day: meters["input_tokens"] for day, meters in expected.items()}


def test_rows_stand_and_the_next_load_works(oldest: Engine, then: dict[str, list[str]], tmp_path: Path) -> None:
    before = rows(oldest, then), sums(oldest, then)
    assert all(before[0][table] for table in TABLES[:6])
    assert ensure_schema(oldest)
    assert (rows(oldest, then), sums(oldest, then)) == before
    assert not ensure_schema(oldest)
    assert ask(oldest, "SELECT count(*) FROM marts.coverage WHERE state = 'loaded'") > [(9,)]
    assert ask(oldest, "SELECT connection_id FROM marts.connection_status") == [("acme",)]
    verdicts = "SELECT count(*) FROM marts.day_verdicts WHERE connection_id = 'acme' AND verdict IS NOT NULL"
    assert ask(oldest, verdicts) == [(5,)]
    load_next(oldest, tmp_path)


def test_the_schema_is_the_one_that_an_empty_database_gets(
    oldest: Engine, empty_database: Callable[..., Engine]
) -> None:
    fresh = empty_database()
    ensure_schema(fresh)
    ensure_schema(oldest)
    columns = (
        "SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull,"
        " pg_get_expr(adbin, adrelid)"
        " FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid"
        " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
        " WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'v', 'i', 'I') AND NOT relispartition"
        " AND relnamespace::regnamespace::text IN ('ledger', 'ops', 'marts') ORDER BY 1, 2"
    )
    functions = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'ops'::regnamespace ORDER BY 1, 2"
    for question in (columns, functions):
        assert ask(oldest, question) == ask(fresh, question)


def test_a_teams_views_and_their_grants_survive(oldest: Engine, role: str) -> None:
    marts = [name for (name,) in ask(oldest, "SELECT viewname FROM pg_views WHERE schemaname = 'marts' ORDER BY 1")]
    marts.remove(MOVED)
    ask(oldest, "CREATE SCHEMA bi")
    for name in marts:
        ask(oldest, f"CREATE VIEW bi.{name} AS SELECT * FROM marts.{name}")
    ask(oldest, "CREATE MATERIALIZED VIEW bi.kept AS SELECT connection_id, usage_date FROM bi.restatements")
    ask(oldest, f"GRANT SELECT ON ALL TABLES IN SCHEMA marts, bi TO {role}")
    state = "SELECT oid::text, relname, relacl::text FROM pg_class WHERE relnamespace = 'bi'::regnamespace ORDER BY 1"
    kept = "SELECT connection_id, usage_date FROM bi.kept ORDER BY 1, 2"
    before = ask(oldest, state), ask(oldest, kept)
    assert before[1]
    assert len(marts) == 7
    ensure_schema(oldest)
    assert (ask(oldest, state), ask(oldest, kept)) == before
    for name in marts:
        assert ask(oldest, f"SELECT has_table_privilege('{role}', 'marts.{name}', 'SELECT')") == [(True,)]
        ask(oldest, f"SELECT * FROM bi.{name}")


def test_a_view_on_what_has_moved_since_is_named_and_stands(oldest: Engine, then: dict[str, list[str]]) -> None:
    ask(oldest, f"CREATE VIEW public.theirs AS SELECT models FROM marts.{MOVED}")
    before = rows(oldest, then), ask(oldest, "SELECT * FROM ops.schema_part ORDER BY 1")
    with pytest.raises(WarehouseRefused, match=rf"changes marts\.{MOVED} \(column models moved\), read by theirs:"):
        ensure_schema(oldest)
    assert (rows(oldest, then), ask(oldest, "SELECT * FROM ops.schema_part ORDER BY 1")) == before
    assert ask(oldest, "SELECT count(*) > 0 FROM public.theirs") == [(True,)]
    ask(oldest, "DROP VIEW public.theirs")
    assert ensure_schema(oldest)
