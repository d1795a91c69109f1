"""Owners for all that a fortnight of the stand-ins names: how much of the bill has one; and the manual's queries."""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kit.filled_ledger import fill_ledger
from kit.owners_of_all import TEAMS, write_owners
from sqlalchemy import Engine

from usage_ledger.core.project import ROOT
from usage_ledger.money.owners import apply_owners
from usage_ledger.money.owners_check import unknown_ids, unowned
from usage_ledger.money.owners_file import read_owners

Query = Callable[..., list[tuple[Any, ...]]]
FIRST, LAST = date(2026, 11, 6), date(2026, 11, 19)
WITH_MONEY = (*("anthropic", "aws_bedrock", "azure_openai", "fireworks", "google_vertex_ai", "openai", "openrouter"),)
PAGE = (ROOT / "docs/owners.md").read_text(encoding="utf-8")
BILL = "SELECT connection_id, usage_date, currency, sum(amount) FROM marts.bill_lines GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
SHARED = """
SELECT connection_id, provider, usage_date, currency, team, app, cost_center, method, sum(amount), bool_and(settled)
FROM marts.allocated_cost
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
"""
QUERIES = re.findall(r"```sql\n(.*?);\n```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def file(engine: Engine, query: Query, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("owned")
    fill_ledger(engine, folder / "raw", FIRST, LAST, providers=WITH_MONEY)
    # Loads alone, and nothing is missing: no day of theirs is recorded yet.
    assert query("SELECT DISTINCT method FROM marts.daily_cost_by_team") == [("not recorded yet",)]
    assert query(BILL.replace("bill_lines", "daily_cost_by_team")) == query(BILL)
    path = folder / "owners.yaml"
    assert write_owners(engine, path) > 50
    apply_owners(engine, path)
    return path


def test_nearly_all_of_the_bill_has_an_owner(file: Path, query: Query) -> None:
    shares = dict(query("SELECT currency, sum(owned) / sum(total) FROM marts.unallocated_share GROUP BY currency"))
    assert shares.keys() == {"USD", "EUR"}
    assert min(shares.values()) > Decimal("0.95"), shares
    assert {team for (team,) in query("SELECT DISTINCT team FROM marts.daily_cost_by_team")} >= set(TEAMS)


def test_dedicated_deployments_go_to_their_owners(file: Path, query: Query) -> None:
    dedicated = query(
        "SELECT part.deployment, part.method, part.team <> '' FROM marts.allocated_cost AS part"
        " JOIN marts.bill_lines AS line USING (connection_id, report, usage_date, row_key)"
        " WHERE line.meter = 'accelerator_seconds' GROUP BY 1, 2, 3 ORDER BY 1"
    )
    assert dedicated == [("ranker-1", "metered share", True), ("ranker-2", "metered share", True)]


def test_every_line_is_the_sum_of_its_parts(file: Path, query: Query) -> None:
    assert query("SELECT count(*) FROM marts.bill_lines")[0][0] > 3000
    assert query(
        "SELECT line.row_key FROM marts.bill_lines AS line"
        " LEFT JOIN marts.allocated_cost AS part USING (connection_id, report, usage_date, row_key)"
        " GROUP BY line.connection_id, line.report, line.usage_date, line.row_key, line.amount"
        " HAVING sum(part.amount) IS DISTINCT FROM line.amount"
    ) == []  # fmt: skip


def test_what_is_recorded_is_how_the_bill_is_shared(file: Path, query: Query) -> None:
    assert query("SELECT * FROM marts.daily_cost_by_team ORDER BY 1, 2, 3, 4, 5, 6, 7, 8") == query(SHARED)
    assert query(BILL.replace("bill_lines", "daily_cost_by_team")) == query(BILL)


def test_the_check_has_nothing_more_to_say(file: Path, engine: Engine) -> None:
    assert unowned(engine) == []
    assert unknown_ids(engine, read_owners(file)) == []


@pytest.mark.parametrize("number", range(5))
def test_a_question_of_the_manual_is_answered(file: Path, query: Query, number: int) -> None:
    assert len(QUERIES) == 5
    assert query(QUERIES[number])


def test_the_example_of_the_manual_is_a_file_of_owners(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "owners.yaml"
    path.write_text(example, encoding="utf-8")
    assert len(read_owners(path).rules) == 5
