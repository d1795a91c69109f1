"""Whose each part of a bill is: rules with dates, shares that add up exactly, and what a change of owners moves."""

import itertools
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.fact_rows import DAY, add_line, add_use
from sqlalchemy import Engine

from usage_ledger.money.owners import apply_owners
from usage_ledger.money.owners_check import unknown_ids, unowned
from usage_ledger.money.owners_file import read_owners
from usage_ledger.warehouse.engine import transaction

Query = Callable[..., list[tuple[Any, ...]]]
TEAMS = "teams:\n  search: {cost_center: '4711'}\n  ads: {}\n  ml: {}\nowners:\n"
FACTS = ("ledger.usage_daily", "ledger.cost_daily", "ledger.name", "ops.day", "ops.connection", "ops.restatement")


@pytest.fixture(autouse=True)
def _emptied(engine: Engine) -> Iterator[None]:
    yield
    with transaction(engine) as cursor:
        cursor.execute(f"TRUNCATE {', '.join((*FACTS, 'ledger.team', 'ledger.owner_rule'))}")


@pytest.fixture
def own(engine: Engine, tmp_path: Path) -> Callable[..., Any]:
    """Apply these rules, each the inside of a mapping."""

    def apply(*rules: str) -> Any:
        path = tmp_path / "owners.yaml"
        path.write_text(TEAMS + "".join(f"- {{{rule}}}\n" for rule in rules), encoding="utf-8")
        return apply_owners(engine, path)

    return apply


@pytest.fixture
def parts(query: Query) -> Callable[[], list[tuple[Any, ...]]]:
    """Team, method and amount of every part of the bill; those of a line add up to it."""

    def read() -> list[tuple[Any, ...]]:
        assert query(
            "SELECT lines.row_key FROM marts.bill_lines AS lines"
            " LEFT JOIN marts.allocated_cost AS part USING (connection_id, report, usage_date, row_key)"
            " GROUP BY lines.row_key, lines.amount HAVING sum(part.amount) IS DISTINCT FROM lines.amount"
        ) == []  # fmt: skip
        return [
            (team, method, amount.normalize())
            for team, method, amount in query(
                "SELECT team, method, sum(amount) FROM marts.daily_cost_by_team GROUP BY 1, 2 ORDER BY 1, 2"
            )
        ]

    return read


def test_a_line_is_shared_by_what_was_metered_and_the_rest_goes_to_the_largest(
    engine: Engine, own: Any, parts: Any, query: Query
) -> None:
    add_use(engine, api_key_id="k1", output_tokens=1)
    add_use(engine, api_key_id="k2", output_tokens=1)
    add_use(engine, api_key_id="k3", output_tokens=4)
    add_line(engine, Decimal(1), quantity=6)
    own("api_key: k1, team: search", "api_key: k3, team: ads")
    third = Decimal("0.166666666666666667")
    assert parts() == [
        ("", "no owner", third),
        ("ads", "metered share", Decimal("0.666666666666666666")),
        ("search", "metered share", third),
    ]
    assert query("SELECT api_key_id, cost_center FROM marts.allocated_cost WHERE team = 'search'") == [("k1", "4711")]


def test_what_the_line_names_counts_before_what_was_metered(engine: Engine, own: Any, parts: Any) -> None:
    for project, key in (("p1", "k1"), ("p1", "k2"), ("p2", "k3")):
        add_use(engine, project_id=project, api_key_id=key, output_tokens=5)
    add_line(engine, Decimal(8), project_id="p1", quantity=10)
    add_line(engine, Decimal(3), project_id="p2", quantity=5)
    own("project: p1, team: search", "api_key: k2, team: ads", "project: p2, team: ml")
    assert parts() == [
        ("ads", "metered share", Decimal(4)),
        ("ml", "provider", Decimal(3)),
        ("search", "provider", Decimal(4)),
    ]


def test_accelerator_seconds_go_to_their_deployments_and_training_to_its_tags(
    engine: Engine, own: Any, parts: Any
) -> None:
    dedicated = {"usage_type": "dedicated", "model": "m", "accelerator": "H100"}
    add_use(engine, deployment="d1", accelerator_seconds=300, **dedicated)
    add_use(engine, deployment="d2", accelerator_seconds=100, tag_team="research", **dedicated)
    add_use(engine, usage_type="training", model="b", job_id="j", tag_team="research", training_tokens=10)
    bill = {"model": "", "meter": "accelerator_seconds", "accelerator": "H100"}
    add_line(engine, Decimal(40), quantity=400, usage_type="dedicated", **bill)
    add_line(engine, Decimal(7), quantity=10, model="b", meter="training_tokens", usage_type="training")
    own("deployment: d1, team: search", "tag_team: research, team: ml")
    assert parts() == [("ml", "metered share", Decimal(17)), ("search", "metered share", Decimal(30))]


def test_the_order_of_kinds_and_scopes(engine: Engine, own: Any, parts: Any) -> None:
    add_line(engine, Decimal(1), deployment="d", api_key_id="k", user_id="u", project_id="p", meter="")
    rules = ["connection: acme, team: ads", "project: p, team: ml", "user: u, team: search", "api_key: k, team: ads"]
    rules += ["connection: acme, api_key: k, team: ml", "deployment: d, team: search"]
    winners = [("ads", "connection"), ("ml", "provider"), ("search", "provider"), ("ads", "provider")]
    winners += [("ml", "provider"), ("search", "provider")]
    for count, (team, method) in enumerate(winners, 1):
        own(*rules[:count])
        assert parts() == [(team, method, Decimal(1))]


def test_a_rule_of_another_connection_does_not_hold(engine: Engine, own: Any, parts: Any) -> None:
    add_line(engine, Decimal(1), api_key_id="k", meter="")
    own("connection: other, api_key: k, team: ads")
    assert parts() == [("", "no owner", Decimal(1))]


def test_a_users_keys_are_the_users(engine: Engine, own: Any, parts: Any, query: Query) -> None:
    moved = DAY + timedelta(days=1)
    with transaction(engine) as cursor:
        cursor.execute(
            "INSERT INTO ledger.name (connection_id, kind, id, name, owner_id, valid_from, valid_to) VALUES"
            " ('acme', 'api_key', 'k', 'bot', 'dana', %s, %s), ('acme', 'api_key', 'k', 'bot', 'lee', %s, NULL)",
            (DAY, moved, moved),
        )
    for n in range(-1, 3):
        add_line(engine, Decimal(10) + n, api_key_id="k", meter="", usage_date=DAY + timedelta(days=n))
    own("user: dana, team: ads", "user: lee, team: ml")
    assert parts() == [("ads", "provider", Decimal(19)), ("ml", "provider", Decimal(23))]


def test_credits_and_taxes_follow_the_charges_of_their_day_and_currency(engine: Engine, own: Any, parts: Any) -> None:
    add_line(engine, Decimal(30), api_key_id="k1", meter="")
    add_line(engine, Decimal(10), api_key_id="k2", meter="")
    add_line(engine, Decimal(5), meter="")
    add_line(engine, Decimal(99), api_key_id="k2", meter="", currency="EUR")
    credit = {"charge_category": "Credit", "model": "", "meter": ""}
    add_line(engine, Decimal(-9), **credit)
    add_line(engine, Decimal(4), charge_category="Tax", model="", meter="", usage_date=DAY + timedelta(days=1))
    own("api_key: k1, team: search", "api_key: k2, team: ads")
    assert parts() == [
        ("", "unallocated", Decimal(8)),
        ("ads", "provider", Decimal(109)),
        ("ads", "share of the day", Decimal(-2)),
        ("search", "provider", Decimal(30)),
        ("search", "share of the day", Decimal(-6)),
    ]


def test_a_connections_rule_owns_its_credits_first(engine: Engine, own: Any, parts: Any) -> None:
    add_line(engine, Decimal(30), api_key_id="k1", meter="")
    add_line(engine, Decimal(-9), charge_category="Credit", model="", meter="")
    own("api_key: k1, team: search", "connection: acme, team: ml")
    assert parts() == [("ml", "connection", Decimal(-9)), ("search", "provider", Decimal(30))]


def test_a_credit_of_a_project_stays_in_it(engine: Engine, own: Any, parts: Any) -> None:
    add_line(engine, Decimal(30), api_key_id="k1", project_id="p1", meter="")
    add_line(engine, Decimal(30), api_key_id="k2", project_id="p2", meter="")
    add_line(engine, Decimal(-9), charge_category="Credit", project_id="p2", model="", meter="")
    own("api_key: k1, team: search", "api_key: k2, team: ads")
    assert parts()[1] == ("ads", "share of the day", Decimal(-9))


def test_a_key_that_moves_changes_no_day_before_its_date(engine: Engine, own: Any, parts: Any, query: Query) -> None:
    days = [DAY + timedelta(days=n) for n in range(4)]
    for n, day in enumerate(days):
        add_line(engine, Decimal(10 + n), api_key_id="k", meter="", usage_date=day)
    assert own("api_key: k, team: search").dates == tuple(days)
    assert own("api_key: k, team: search").dates == ()
    before = query("SELECT count(*) FROM ops.restatement")
    assert own(f"api_key: k, team: search, until: {days[2]}", f"api_key: k, team: ads, from: {days[2]}").dates == (
        days[2],
        days[3],
    )
    assert parts() == [("ads", "provider", Decimal(25)), ("search", "provider", Decimal(21))]
    moved = (
        "SELECT usage_date, dimensions ->> 'team', old::int, new::int FROM ops.restatement WHERE cause = 'owner'"
        " AND table_name = 'daily_cost_by_team' AND meter = 'amount'"
        " AND new_load_id = (SELECT change_id FROM ledger.owner_rule WHERE superseded_at IS NULL LIMIT 1) ORDER BY 1, 2"
    )
    assert query(moved) == [
        (days[2], "ads", None, 12), (days[2], "search", 12, None), (days[3], "ads", None, 13),
        (days[3], "search", 13, None),
    ]  # fmt: skip
    assert before == [(8,)]
    assert query("SELECT sum(difference) FROM marts.restatements WHERE cause = 'owner'") == [(Decimal(0),)]
    assert query(
        "SELECT team, valid_from = '-infinity', nullif(valid_to, 'infinity'), superseded_at IS NULL"
        " FROM ledger.owner_rule ORDER BY recorded_at, team"
    ) == [("search", True, None, False), ("ads", False, None, True), ("search", True, days[2], True)]


def test_rules_that_are_equal_are_written_once(engine: Engine, own: Any, query: Query) -> None:
    own("api_key: k, team: search", "user: u, team: ads")
    said = "SELECT rule_id, recorded_at FROM ledger.owner_rule ORDER BY 1, 2"
    first = query(said)
    change = own("user: u, team: ads", "api_key: k, team: search")
    assert (change.written, change.superseded, query(said)) == (0, 0, first)
    assert str(change) == "owners: nothing changed"
    assert own().superseded == 2
    assert query("SELECT count(*) FROM marts.owners") == [(0,)]


def test_without_a_file_what_was_applied_stays(engine: Engine, own: Any, tmp_path: Path, query: Query) -> None:
    own("api_key: k, team: search")
    apply_owners(engine, tmp_path / "none.yaml")
    assert query("SELECT team FROM marts.owners") == [("search",)]


def test_the_share_without_an_owner(engine: Engine, own: Any, query: Query) -> None:
    add_line(engine, Decimal(75), api_key_id="k", meter="")
    add_line(engine, Decimal(20), api_key_id="other", meter="")
    add_line(engine, Decimal(5), meter="")
    own("api_key: k, team: search")
    assert query(
        "SELECT connection_id, month, currency, total::int, owned::int, no_owner::int, unallocated::int, share::text"
        " FROM marts.unallocated_share"
    ) == [("acme", date(2026, 11, 1), "USD", 100, 75, 20, 5, "0.25000000000000000000")]


def test_the_check_names_unknown_ids_and_what_nobody_owns(engine: Engine, own: Any, tmp_path: Path) -> None:
    add_line(engine, Decimal(20), api_key_id="key_second", meter="")
    add_line(engine, Decimal(75), api_key_id="key_first", meter="")
    add_use(engine, deployment="idle", requests=1)
    add_use(engine, api_key_id="key_owned", requests=1)
    with transaction(engine) as cursor:
        cursor.execute("INSERT INTO ops.connection VALUES ('acme', 'fireworks', 'acme', 'UTC')")
    own("api_key: key_owned, team: ads", "api_key: key_frst, team: ads", "connection: acne, user: u, team: ads")
    assert unknown_ids(engine, read_owners(tmp_path / "owners.yaml")) == [
        "owners.yaml, line 7, key `owners[1].api_key`: the ledger has no api key `key_frst`; did you mean `key_first`?",
        "owners.yaml, line 8, key `owners[2].connection`: there is no connection `acne`; did you mean `acme`?",
    ]
    assert [(row.kind, row.id, row.amount and int(row.amount)) for row in unowned(engine)] == [
        ("api_key", "key_first", 75),
        ("api_key", "key_second", 20),
        ("deployment", "idle", None),
    ]


amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=18)
quantities = st.lists(st.integers(min_value=0, max_value=10**13), max_size=6)
_days = itertools.count()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(amounts, min_size=1, max_size=3), used=quantities, credit=amounts, owned=st.integers(0, 6))
def test_parts_add_up_to_the_bill_exactly(
    engine: Engine, own: Any, parts: Any, lines: list[Decimal], used: list[int], credit: Decimal, owned: int
) -> None:
    """Of any amounts and quantities: several lines of one meter, no use, use of nothing, a credit of the day."""
    day = date(2026, 1, 1) + timedelta(days=next(_days))
    for number, quantity in enumerate(used):
        add_use(engine, usage_date=day, api_key_id=f"k{number}", output_tokens=quantity)
    for number, amount in enumerate(lines):
        add_line(engine, amount, usage_date=day, quantity=sum(used), resource=f"r{number}")
    add_line(engine, credit, usage_date=day, charge_category="Credit", model="", meter="")
    own(*(f"api_key: k{number}, team: search" for number in range(owned)))
    with localcontext(prec=60):  # the sums have more digits than Python's own 28
        total = sum((amount for _, _, amount in parts()), Decimal(0))
    with transaction(engine) as cursor:
        cursor.execute("SELECT sum(amount) FROM ledger.cost_daily")
        assert total == cursor.fetchone()[0]  # type: ignore[index]
        cursor.execute("SELECT count(*) FROM marts.allocated_cost WHERE amount <> round(amount, 18)")
        assert cursor.fetchone() == (0,)
