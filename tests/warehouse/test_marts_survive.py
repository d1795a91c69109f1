"""An upgrade leaves standing what others built on marts, or stops before it writes anything."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.upgrading import ask
from sqlalchemy import Engine

from usage_ledger.core.warehouse_errors import WarehouseRefused
from usage_ledger.warehouse.schema import ensure_schema

SPEND = "-- Spend.\nCREATE VIEW marts.spend AS SELECT 'red' AS team, 2::bigint AS amount"
BY_TEAM = "-- By team.\nCREATE VIEW marts.by_team AS SELECT team, sum(amount) AS amount FROM marts.spend GROUP BY team"
TOP = "-- The first.\nCREATE VIEW marts.top AS SELECT team FROM marts.by_team ORDER BY amount DESC LIMIT 1"


@pytest.fixture
def release(database: Engine, own_marts: Path) -> Callable[..., bool]:
    """Brings the database up to date by a release with these marts, in their order."""

    def bring(**views: str) -> bool:
        for path in own_marts.iterdir():
            path.unlink()
        for number, (name, text) in enumerate(views.items()):
            (own_marts / f"{number:02}_{name}.sql").write_text(text)
        return ensure_schema(database)

    return bring


@pytest.fixture
def team(database: Engine, release: Callable[..., bool], administer: Callable[[str], None]) -> Iterator[str]:
    """A role of a team's own, which may read the mart `spend` and built on it and on `by_team`."""
    release(spend=SPEND, by_team=BY_TEAM, top=TOP)
    role = f"team_{uuid.uuid4().hex[:12]}"
    administer(f"CREATE ROLE {role} NOLOGIN")
    for text in (
        "CREATE SCHEMA bi",
        "CREATE VIEW bi.spend AS SELECT team, amount FROM marts.spend",
        "CREATE VIEW bi.red AS SELECT * FROM bi.spend WHERE team = 'red'",
        "CREATE MATERIALIZED VIEW bi.kept AS SELECT team, amount, clock_timestamp() AS at FROM marts.by_team",
        "COMMENT ON VIEW bi.red IS 'What red spends.'",
        f"GRANT USAGE ON SCHEMA marts, bi TO {role}",
        f"GRANT SELECT ON marts.spend, marts.top, bi.red TO {role}",
        "REVOKE SELECT ON marts.by_team FROM bi_reader",
    ):
        ask(database, text)
    yield role
    ask(database, f"DROP OWNED BY {role}")
    administer(f"DROP ROLE {role}")


def state(engine: Engine, role: str) -> list[object]:
    """All that is a team's: which objects, what they give, who may read what, and what is said of them."""
    return [
        ask(
            engine, "SELECT oid, relname, relacl::text FROM pg_class WHERE relnamespace = 'bi'::regnamespace ORDER BY 1"
        ),
        ask(engine, "SELECT * FROM bi.red"),
        ask(engine, "SELECT team, amount, at::text FROM bi.kept"),
        ask(engine, "SELECT obj_description('bi.red'::regclass, 'pg_class')"),
        [
            (reader, mart, ask(engine, f"SELECT has_table_privilege('{reader}', 'marts.{mart}', 'SELECT')"))
            for reader in (role, "bi_reader")
            for mart in ("spend", "by_team", "top")
        ],
    ]


def everything(engine: Engine) -> list[object]:
    return [
        ask(engine, "SELECT * FROM ops.schema_part ORDER BY 1"),
        ask(
            engine,
            "SELECT oid, relname, relacl::text, pg_get_viewdef(oid) FROM pg_class"
            " WHERE relkind IN ('v', 'm') AND relnamespace::regnamespace::text IN ('marts', 'bi') ORDER BY 1",
        ),
    ]


def test_new_columns_at_the_end_and_another_text_leave_all_of_a_teams_in_place(
    database: Engine, release: Callable[..., bool], team: str
) -> None:
    before = state(database, team)
    grown = SPEND.replace("2::bigint AS amount", "2::bigint AS amount, 'EUR' AS currency")
    assert release(spend=grown, by_team=BY_TEAM.replace("sum(amount)", "max(amount) + 0.0"), top=TOP)
    assert state(database, team) == before
    assert ask(database, "SELECT currency FROM marts.spend") == [("EUR",)]
    assert not release(spend=grown, by_team=BY_TEAM.replace("sum(amount)", "max(amount) + 0.0"), top=TOP)
    ask(database, "REFRESH MATERIALIZED VIEW bi.kept")
    assert ask(database, "SELECT team, amount::text FROM bi.kept") == [("red", "2.0")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("'red' AS team, ", ""), "column team is gone"),
        (("AS team", "AS who"), "column team is gone"),
        (("2::bigint", "2::numeric"), "column amount is numeric, not bigint"),
        (("'red' AS team, 2::bigint AS amount", "2::bigint AS amount, 'red' AS team"), "column team moved"),
    ],
)
def test_a_mart_that_loses_what_a_team_reads_stops_the_upgrade_before_it_writes(
    database: Engine, release: Callable[..., bool], team: str, change: tuple[str, str], said: str
) -> None:
    before = everything(database), state(database, team)
    with pytest.raises(WarehouseRefused) as refused:
        release(spend=SPEND.replace(*change), new="CREATE VIEW marts.new AS SELECT 1 AS n")
    assert "changes marts.spend" in refused.value.what
    assert said in refused.value.what
    assert "read by bi.red, bi.spend" in refused.value.what
    assert "takes away marts.by_team, read by bi.kept" in refused.value.what
    assert "marts.top" not in refused.value.what
    assert "nothing was written" in refused.value.next_step
    assert (everything(database), state(database, team)) == before


def test_a_mart_nobody_built_on_is_made_again_with_its_grants_and_those_between_keep_what_is_built_on_them(
    database: Engine, release: Callable[..., bool], team: str
) -> None:
    ask(database, "DROP VIEW bi.spend CASCADE")
    kept = "SELECT oid::text FROM pg_class WHERE relname = 'kept'"
    before = ask(database, kept), ask(database, "SELECT at FROM bi.kept")
    renamed = SPEND.replace("AS team", "AS owner")
    by_team = BY_TEAM.replace("SELECT team", "SELECT owner AS team").replace("BY team", "BY owner")
    assert release(spend=renamed, by_team=by_team, top=TOP)
    assert (ask(database, kept), ask(database, "SELECT at FROM bi.kept")) == before
    assert ask(database, "SELECT owner, amount FROM marts.spend") == [("red", 2)]
    assert ask(database, "SELECT team FROM marts.top") == [("red",)]
    for reader in (team, "bi_reader"):
        assert ask(database, f"SELECT has_table_privilege('{reader}', 'marts.spend', 'SELECT')") == [(True,)]
    assert ask(database, "SELECT count(*) FROM pg_class WHERE relname LIKE '%% aside'") == [(0,)]


def test_marts_may_change_which_of_them_builds_on_which(database: Engine, release: Callable[..., bool]) -> None:
    release(one="CREATE VIEW marts.one AS SELECT 1 AS n", two="CREATE VIEW marts.two AS SELECT n FROM marts.one")
    ask(database, "CREATE VIEW public.theirs AS SELECT one.n, two.n AS m FROM marts.one, marts.two")
    assert release(
        two="CREATE VIEW marts.two AS SELECT 2 AS n", one="CREATE VIEW marts.one AS SELECT n + 1 AS n FROM marts.two"
    )
    assert ask(database, "SELECT * FROM public.theirs") == [(3, 2)]


def test_a_function_and_a_column_of_a_marts_row_count_as_built_on_it(
    database: Engine, release: Callable[..., bool]
) -> None:
    release(one="CREATE VIEW marts.one AS SELECT 1 AS n")
    ask(database, "CREATE FUNCTION public.ones() RETURNS SETOF marts.one LANGUAGE sql AS 'SELECT * FROM marts.one'")
    ask(database, "CREATE TABLE public.copies (copy marts.one)")
    with pytest.raises(WarehouseRefused, match=r"column copy of table copies, function ones\(\)"):
        release(one="CREATE VIEW marts.one AS SELECT 'x' AS t")


def test_a_teams_own_view_in_schema_marts_stays_and_its_name_is_not_taken(
    database: Engine, release: Callable[..., bool]
) -> None:
    release(one="CREATE VIEW marts.one AS SELECT 1 AS n")
    ask(database, "CREATE VIEW marts.theirs AS SELECT n AS m FROM marts.one")
    assert release(one="CREATE VIEW marts.one AS SELECT 1 AS n, 2 AS o")
    assert ask(database, "SELECT * FROM marts.theirs") == [(1,)]
    with pytest.raises(WarehouseRefused, match=r"marts\.theirs is there already"):
        release(one="CREATE VIEW marts.one AS SELECT 1 AS n", theirs="CREATE VIEW marts.theirs AS SELECT 1 AS m")
    assert ask(database, "SELECT * FROM marts.theirs") == [(1,)]


def test_a_step_may_alter_a_column_that_marts_show(database: Engine, release: Callable[..., bool]) -> None:
    release(one="CREATE VIEW marts.one AS SELECT state FROM ops.load")
    ask(database, "CREATE VIEW public.theirs AS SELECT state FROM marts.one")
    assert release(one="CREATE VIEW marts.one AS SELECT state || '' AS state FROM ops.load")
    assert ask(database, "SELECT * FROM public.theirs") == []


def test_columns_of_every_type_that_a_view_may_have_are_kept(database: Engine, release: Callable[..., bool]) -> None:
    body = (
        "SELECT 1::numeric(38, 18) AS a, 'x'::varchar(7) AS b, now()::timestamptz(3) AS c, ARRAY[1]::bigint[] AS d,"
        " 'x'::name AS e, '{}'::jsonb AS f, 'x'::text COLLATE \"C\" AS \"A mixed Name\", interval '1 day' AS g"
    )
    release(one=f"CREATE VIEW marts.one AS {body}")
    ask(database, "CREATE VIEW public.theirs AS SELECT * FROM marts.one")
    assert release(one=f"CREATE VIEW marts.one AS {body}, 1 AS h")
    assert ask(database, 'SELECT a::text, b, "A mixed Name" FROM public.theirs') == [("1.000000000000000000", "x", "x")]
