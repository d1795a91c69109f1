"""The demo gives what was used to teams, so that spend by team is seen; a person's own file of owners comes first."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from kit.filled_ledger import fill_ledger
from sqlalchemy import Engine

from usage_ledger.local.demo_owners import SETTING, begin_owners, demo_owners, give_owners
from usage_ledger.local.settings import stack_environment
from usage_ledger.money.owners_file import read_owners


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("USAGE_LEDGER_LOCAL", str(tmp_path))
    monkeypatch.delenv(SETTING, raising=False)
    return tmp_path


def test_the_demo_gives_keys_to_teams_and_leaves_some_to_nobody(engine: Engine, folder: Path, query: Any) -> None:
    fill_ledger(engine, folder / "raw", date(2026, 11, 18), date(2026, 11, 19), providers=("openai", "fireworks"))
    begin_owners()
    assert stack_environment()[SETTING] == str(demo_owners())
    assert give_owners(engine)
    costs = dict(query("SELECT team, sum(amount) FROM marts.daily_cost_by_team WHERE currency = 'USD' GROUP BY team"))
    assert {"search", "support", "research", ""} == set(costs)
    assert costs["search"] > 0
    [[billed]] = query("SELECT sum(amount) FROM marts.bill_lines WHERE currency = 'USD'")
    assert sum(costs.values()) == billed
    text = demo_owners().read_text(encoding="utf-8").replace("team: search", "team: support")
    demo_owners().write_text(text, encoding="utf-8")
    assert give_owners(engine)
    assert demo_owners().read_text(encoding="utf-8") == text  # what a person changed stays
    costs = dict(query("SELECT team, sum(amount) FROM marts.daily_cost_by_team GROUP BY team"))
    assert "search" not in costs


def test_a_file_of_owners_of_ones_own_comes_first(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = folder / "own.yaml"
    own.write_text("teams:\n  mine: {}\nowners: []\n", encoding="utf-8")
    monkeypatch.setenv(SETTING, str(own))
    begin_owners()
    assert not demo_owners().exists()
    assert stack_environment()[SETTING] == str(own)
    assert not give_owners(engine)
    assert [team.team for team in read_owners(own).teams] == ["mine"]


def test_no_file_is_named_where_there_is_no_demo(folder: Path) -> None:
    assert SETTING not in stack_environment()
