"""`include/budgets.yaml` in the ledger: what is current, what is superseded, what is refused."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from usage_ledger.core.errors import ConfigError
from usage_ledger.money.budgets import apply_budgets

Query = Callable[..., list[tuple[Any, ...]]]
CURRENT = (
    "SELECT name, team, connection_id, amount, currency FROM ledger.budget WHERE superseded_at IS NULL ORDER BY name"
)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    path = tmp_path / "budgets.yaml"
    monkeypatch.setenv("USAGE_LEDGER_BUDGETS", str(path))

    def to_file(text: str) -> Path:
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def test_a_changed_budget_is_a_new_row_and_an_equal_one_is_none(engine: Engine, query: Query, write: Any) -> None:
    write(
        "budgets:\n  - {name: a, connection: acme, month: 3000.50 USD}\n  - {name: b, connection: acme, month: 9 EUR}\n"
    )
    apply_budgets(engine)
    apply_budgets(engine)
    assert query(CURRENT) == [("a", "", "acme", Decimal("3000.5"), "USD"), ("b", "", "acme", Decimal(9), "EUR")]
    assert query("SELECT count(*) FROM ledger.budget") == [(2,)]
    write("budgets: [{name: a, connection: acme, month: 4000 USD}]")
    apply_budgets(engine)
    assert query(CURRENT) == [("a", "", "acme", Decimal(4000), "USD")]
    history = "SELECT name, amount, superseded_at IS NULL FROM ledger.budget ORDER BY name, recorded_at"
    assert query(history) == [("a", Decimal("3000.5"), False), ("a", Decimal(4000), True), ("b", Decimal(9), False)]


def test_the_rule_of_anomalies_is_the_files(engine: Engine, query: Query, write: Any) -> None:
    rule = "SELECT score, at_least, settled_only FROM ledger.anomaly_rule WHERE superseded_at IS NULL"
    write("budgets: []")
    apply_budgets(engine)
    assert query(rule) == [(Decimal(4), {"USD": 50}, True)]
    assert query("SELECT count(*) FROM ledger.anomaly_rule") == [(1,)]
    write("anomalies: {score: 4.5, at_least: [50.00 USD, 45 EUR], settled_only: false}")
    apply_budgets(engine)
    assert query(rule) == [(Decimal("4.5"), {"USD": "50.00", "EUR": "45"}, False)]


def test_an_unknown_team_or_connection_is_a_warning_with_the_nearest(engine: Engine, query: Query, write: Any) -> None:
    query("INSERT INTO ops.connection VALUES ('acme_prod', 'acme', 'acme', 'UTC') RETURNING 1")
    write("budgets:\n  - name: a\n    team: nobody\n    connection: acme_prd\n    month: 1 USD\n")
    team, connection = apply_budgets(engine)
    assert team == (
        "budgets.yaml, line 3, key `budgets[0].team`: the ledger has no team 'nobody'; nearest: none is like it"
    )
    assert connection == (
        "budgets.yaml, line 4, key `budgets[0].connection`: the ledger has no connection 'acme_prd'; nearest: acme_prod"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("budgets:\n- {name: a, team: t, month: 3000}", "line 2, key `budgets[0].month`: is no amount with a currency"),
        ("budgets:\n- {name: a, team: t, month: 3000 BTC}", "line 2, key `budgets[0].month`: 'BTC' is no currency"),
        ("budgets:\n- {name: a, team: t, month: -3 USD}", "line 2, key `budgets[0].month`: -3 is negative"),
        ("budgets:\n- {name: a, team: t, month: 0 USD}", "line 2, key `budgets[0].month`: is 0"),
        ("budgets:\n- {name: a, month: 1 USD}", "line 2, key `budgets[0]`: budget 'a' is for nobody"),
        ("budgets:\n- {name: a, team: t, month: 1 USD, limit: 2}", "line 2, key `budgets[0].limit`: is not allowed"),
        (
            "budgets:\n- {name: a, team: t, month: 1 USD}\n- {name: a, team: u, month: 1 USD}",
            "line 3, key `budgets[1].name`: there are two budgets 'a'",
        ),
        (
            "budgets:\n- {name: a, team: t, month: 1 USD, warn_at: [80, 0]}",
            "line 2, key `budgets[0].warn_at`: 0 is no share of a budget",
        ),
        (
            "budgets:\n- {name: a, team: t, month: 1 USD, from: 2026-12, until: 2026-11}",
            "line 2, key `budgets[0].until`: is not after `from`",
        ),
        ("budgets:\n- {name: a, team: t, month: 1 USD, from: soon}", "line 2, key `budgets[0].from`: soon is no month"),
        ("anomalies: {score: .inf}", "line 1, key `anomalies.score`: 'inf' is no number"),
        ("anomalies: {at_least: [1 USD, 2 USD]}", "line 1, key `anomalies.at_least`: names a currency twice"),
        ("anomalies: {settled_only: perhaps}", "line 1, key `anomalies.settled_only`: is neither true nor false"),
        ("budgets: 3", "line 1, key `budgets`: is no list"),
        ("- a", "line 1: has no keys of its own"),
    ],
    ids=lambda text: text.split("`")[1] + text[-9:] if "`" in text else None,
)
def test_what_cannot_be_right_is_refused_by_line_and_key_and_nothing_changes(
    engine: Engine, query: Query, write: Any, text: str, sentence: str
) -> None:
    write("budgets: [{name: before, connection: acme, month: 1 USD}]")
    apply_budgets(engine)
    write(text)
    with pytest.raises(ConfigError) as caught:
        apply_budgets(engine)
    assert caught.value.sentence == f"budgets.yaml, {sentence}"
    assert caught.value.next_step
    assert [row[0] for row in query(CURRENT)] == ["before"]
