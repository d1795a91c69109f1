"""What each team's use cost, as recorded: it adds up to the bill at every moment, and follows what it depends on."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kit.fact_rows import DAY, add_line, add_use
from sqlalchemy import Engine

from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.money import owners, team_costs
from usage_ledger.money.owners import apply_owners
from usage_ledger.money.team_costs import record_team_costs
from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.schema import ALLOCATION_MARTS
from usage_ledger.warehouse.sql import statement

Query = Callable[..., list[tuple[Any, ...]]]
Own = Callable[..., Any]
NEXT = DAY + timedelta(days=1)
TEAMS = "teams:\n  search: {cost_center: '4711'}\n  ads: {}\nowners:\n"
FACTS = ("ledger.usage_daily", "ledger.cost_daily", "ledger.name", "ops.day", "ops.restatement", "ledger.team")
BILL = "SELECT connection_id, usage_date, currency, sum(amount) FROM marts.bill_lines GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
SUMS = BILL.replace("bill_lines", "daily_cost_by_team")
PARTS = """
SELECT connection_id, provider, usage_date, currency, team, app, cost_center, method, sum(amount), bool_and(settled)
FROM marts.allocated_cost
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
"""
RECORDED = "SELECT * FROM marts.daily_cost_by_team ORDER BY 1, 2, 3, 4, 5, 6, 7, 8"
METHODS = "SELECT usage_date, team, method, amount::int FROM marts.daily_cost_by_team ORDER BY 1, 2, 3"


@pytest.fixture(autouse=True)
def _emptied(engine: Engine) -> Iterator[None]:
    yield
    with transaction(engine) as cursor:
        cursor.execute(f"TRUNCATE {', '.join((*FACTS, 'ledger.owner_rule', 'ledger.model'))}")
        cursor.execute("DELETE FROM ops.team_cost_due")


@pytest.fixture
def own(engine: Engine, tmp_path: Path) -> Own:
    """Apply these rules, each the inside of a mapping."""

    def apply(*rules: str, teams: str = TEAMS) -> Any:
        path = tmp_path / "owners.yaml"
        path.write_text(teams + "".join(f"- {{{rule}}}\n" for rule in rules), encoding="utf-8")
        return apply_owners(engine, path)

    return apply


@pytest.fixture
def change(engine: Engine, query: Query) -> Callable[..., None]:
    """Change the facts by a statement of one's own; the sums are the bill's at once, and once more when recorded."""

    def run(text: str, *values: Any) -> None:
        with transaction(engine) as cursor:
            cursor.execute(text, values)
        assert query(SUMS) == query(BILL)
        record_team_costs(engine)
        assert query(SUMS) == query(BILL)
        assert query(RECORDED) == query(PARTS)

    return run


def test_a_bill_counts_as_not_recorded_yet_until_it_is(engine: Engine, own: Own, query: Query) -> None:
    own("api_key: k, team: search")
    add_line(engine, Decimal(7), api_key_id="k", meter="")
    add_line(engine, Decimal(-2), meter="", charge_category="Credit", model="")
    assert query(METHODS) == [(DAY, "", "not recorded yet", 5)]
    assert query("SELECT unallocated::int, owned::int, share FROM marts.unallocated_share") == [(5, 0, 1)]
    assert record_team_costs(engine, "another") == 0
    assert record_team_costs(engine, "acme") == 2
    assert query(METHODS) == [(DAY, "search", "provider", 7), (DAY, "search", "share of the day", -2)]
    assert record_team_costs(engine) == 0


def test_the_sums_are_the_bills_whatever_becomes_of_an_old_day(
    engine: Engine, own: Own, query: Query, change: Any
) -> None:
    for number in range(4):
        day = DAY - timedelta(days=100 * number)
        add_use(engine, usage_date=day, api_key_id="k", output_tokens=2)
        add_use(engine, usage_date=day, api_key_id="m", output_tokens=1)
        add_line(engine, Decimal(10), usage_date=day, quantity=3)
        add_line(engine, Decimal(3), usage_date=day, currency="EUR", api_key_id="m", meter="")
    assert query(SUMS) == query(BILL)
    own("api_key: k, team: search", "api_key: m, team: ads, app: bids")
    assert query(RECORDED) == query(PARTS)
    old = DAY - timedelta(days=300)
    change("UPDATE ledger.cost_daily SET amount = 0.000000000000000001 WHERE usage_date = %s AND currency = 'EUR'", old)
    change(
        "UPDATE ledger.usage_daily SET output_tokens = 5 WHERE usage_date = %s; UPDATE ops.day SET row_count = 1", old
    )
    change("UPDATE ledger.cost_daily SET breakdown = 'cost' WHERE usage_date = %s AND currency = 'EUR'", DAY)
    change("DELETE FROM ledger.cost_daily WHERE usage_date = %s", old)
    assert query("SELECT count(*) FROM ledger.team_cost WHERE usage_date = %s", old) == [(0,)]
    change("TRUNCATE ledger.cost_daily")


def test_a_load_waits_for_no_recording_and_what_it_brings_meanwhile_stays_due(engine: Engine, query: Query) -> None:
    add_line(engine, Decimal(7), meter="")
    with transaction(engine) as cursor:
        for name in ("lock", "record"):
            cursor.execute(statement(f"money/team_costs_{name}"), {"connection_id": "acme"})
        add_line(engine, Decimal(4), meter="")
    assert query(METHODS) == [(DAY, "", "not recorded yet", 11)]
    record_team_costs(engine)
    assert query(METHODS) == [(DAY, "", "unallocated", 11)]


def test_two_recordings_of_one_connection_do_not_meet(engine: Engine, query: Query) -> None:
    add_line(engine, Decimal(7), meter="")
    with transaction(engine) as cursor:
        cursor.execute(statement("money/team_costs_lock"), {"connection_id": "acme"})
        with pytest.raises(UsageLedgerError, match="lock timeout"), transaction(engine) as other:
            other.execute("SET LOCAL lock_timeout = '100ms'")
            other.execute(statement("money/team_costs_lock"), {"connection_id": "acme"})


def test_a_day_that_is_settled_and_another_owner_of_a_key_are_recorded(
    engine: Engine, own: Own, query: Query, change: Any
) -> None:
    named = (
        "INSERT INTO ledger.name (connection_id, kind, id, name, owner_id, valid_from)"
        " VALUES ('acme', 'api_key', 'k', 'bot', %s, %s)"
    )
    add_line(engine, Decimal(7), api_key_id="k", meter="")
    own("user: dana, team: ads", "user: lee, team: search")
    change("UPDATE ops.day SET settled = false")
    assert query("SELECT settled FROM marts.daily_cost_by_team") == [(False,)]
    change(named, "dana", DAY)
    assert query(METHODS) == [(DAY, "ads", "provider", 7)]
    change("DELETE FROM ledger.name")
    change(named, "lee", NEXT)
    assert query(METHODS) == [(DAY, "search", "provider", 7)]


def test_another_family_of_a_model_is_recorded(engine: Engine, own: Own, query: Query, change: Any) -> None:
    add_use(engine, api_key_id="k", model="glm-5p3", output_tokens=2)
    add_line(engine, Decimal(7), model="GLM 5.3", quantity=2)
    change("INSERT INTO ledger.model VALUES ('fireworks', 'glm-5p3', 'glm-5p3'), ('fireworks', 'GLM 5.3', 'other')")
    own("api_key: k, team: search")
    assert query(METHODS) == [(DAY, "", "unallocated", 7)]
    change("UPDATE ledger.model SET family = 'glm-5p3'")
    assert query(METHODS) == [(DAY, "search", "metered share", 7)]


def test_a_rule_makes_due_what_it_may_move_and_no_more(engine: Engine, own: Own, query: Query) -> None:
    for day, key in ((DAY, "k"), (NEXT, "m"), (NEXT + timedelta(days=1), "k")):
        add_line(engine, Decimal(7), usage_date=day, api_key_id=key, meter="")
    add_line(engine, Decimal(7), connection_id="other", meter="")
    due: list[tuple[Any, ...]] = []
    real = team_costs.record_team_costs

    def record(engine: Engine) -> int:
        due.extend(query("SELECT connection_id, usage_date FROM ops.team_cost_due WHERE cause = 'owner' ORDER BY 1, 2"))
        return real(engine)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owners, "record_team_costs", record)
        own(f"api_key: k, team: search, until: {NEXT}")
        assert due == [("acme", DAY)]
        due.clear()
        own("connection: other, team: ads")
    assert due == [("acme", DAY), ("other", DAY)]


def test_a_change_of_owners_that_was_not_recorded_at_once_is_a_restatement_later(
    engine: Engine, own: Own, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_line(engine, Decimal(7), api_key_id="k", meter="")
    record_team_costs(engine)
    monkeypatch.setattr(owners, "record_team_costs", lambda _: 0)
    assert own("api_key: k, team: search").dates == ()
    with transaction(engine) as cursor:
        cursor.execute("UPDATE ops.day SET fetched_at = now()")  # read again, with the same bill
    assert query(METHODS) == [(DAY, "", "no owner", 7)]
    record_team_costs(engine)
    assert query(METHODS) == [(DAY, "search", "provider", 7)]
    assert query(
        "SELECT dimensions ->> 'team', old::int, new::int FROM ops.restatement"
        " WHERE new_load_id = (SELECT change_id FROM ledger.owner_rule) ORDER BY 1"
    ) == [("", 7, None), ("search", None, 7)]


def test_another_cost_center_shows_at_once(engine: Engine, own: Own, query: Query) -> None:
    add_line(engine, Decimal(7), api_key_id="k", meter="")
    own("api_key: k, team: search")
    own("api_key: k, team: search", teams=TEAMS.replace("4711", "4712"))
    assert query("SELECT cost_center FROM marts.daily_cost_by_team") == [("4712",)]
    assert query(RECORDED) == query(PARTS)


def test_another_way_to_share_a_bill_makes_every_date_due(query: Query) -> None:
    """The views whose text decides that are those that marts.allocated_cost is made of."""
    made_of = query(
        """
        WITH RECURSIVE used (view) AS (
            VALUES ('marts.allocated_cost'::regclass::oid)
            UNION
            SELECT rule_needs.refobjid
            FROM used
            JOIN pg_rewrite AS rule ON rule.ev_class = used.view
            JOIN pg_depend AS rule_needs ON rule_needs.objid = rule.oid AND rule_needs.refclassid = 'pg_class'::regclass
        )
        SELECT relname FROM used JOIN pg_class ON pg_class.oid = used.view
        WHERE relnamespace = 'marts'::regnamespace
        """
    )
    assert {name for (name,) in made_of} == set(ALLOCATION_MARTS)
