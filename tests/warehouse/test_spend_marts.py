"""The marts that answer without a join: they add up to the bill and the meters, and every label says something."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from kit.filled_ledger import fill_ledger
from kit.owners_of_all import write_owners
from sqlalchemy import Engine

from usage_ledger.money.owners import apply_owners
from usage_ledger.providers import PROVIDERS
from usage_ledger.warehouse.engine import transaction

Query = Callable[..., list[tuple[Any, ...]]]
FIRST, LAST = date(2026, 11, 13), date(2026, 11, 19)
LABELS = ("team_name", "project_name", "api_key_name", "user_name", "model_name", "region_name")
MEASURES = ("requests", "input_tokens", "cached_input_tokens", "output_tokens")


@pytest.fixture(scope="module", autouse=True)
def _filled(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder: Path = tmp_path_factory.mktemp("spent")
    fill_ledger(engine, folder / "raw", FIRST, LAST)
    assert write_owners(engine, folder / "owners.yaml") > 50
    apply_owners(engine, folder / "owners.yaml")
    with transaction(engine) as cursor:
        cursor.execute("CREATE TABLE spend AS TABLE marts.spend_attribution")
        cursor.execute("CREATE TABLE used AS TABLE marts.usage_attribution")


def test_the_ledger_has_all_ten_providers(query: Query) -> None:
    assert {name for (name,) in query("SELECT provider FROM used")} == set(PROVIDERS)
    assert query("SELECT count(*) FROM spend WHERE team <> ''") > [(500,)]


def test_spend_adds_up_to_the_bill(query: Query) -> None:
    groups = "connection_id, usage_date, currency, charge_category"
    sums = f"SELECT {groups}, sum(amount) FROM {{}} GROUP BY {groups} ORDER BY {groups}"
    assert query(sums.format("spend")) == query(sums.format("marts.bill_lines")) != []


def test_use_adds_up_to_what_was_metered(query: Query) -> None:
    columns = ", ".join(f"sum({measure})" for measure in MEASURES)
    sums = (
        f"SELECT connection_id, usage_date, usage_type, model, api_key_id, {columns} FROM {{}} GROUP BY 1, 2, 3, 4, 5"
    )
    both = query(f"{sums.format('used')} EXCEPT {sums.format('marts.daily_usage')}")
    assert both == query(f"{sums.format('marts.daily_usage')} EXCEPT {sums.format('used')}") == []
    for measure in MEASURES:
        assert query(f"SELECT count(*) FILTER (WHERE {measure} IS NULL) > 0, sum({measure}) > 0 FROM used") == [
            (True, True)
        ]


@pytest.mark.parametrize("table", ["spend", "used"])
def test_no_label_is_empty_and_one_row_has_each_group(query: Query, table: str) -> None:
    empty = " OR ".join(f"coalesce(btrim({label}), '') = ''" for label in LABELS)
    assert query(f"SELECT * FROM {table} WHERE {empty}") == []
    what = "currency, charge_category, method" if table == "spend" else "usage_type"
    ids = "connection_id, usage_date, team, app, project_id, api_key_id, user_id, model, region"
    assert query(f"SELECT {ids}, {what} FROM {table} GROUP BY {ids}, {what} HAVING count(*) > 1") == []
    for label in ("(no key)", "(no user)", "(no region)"):
        assert query(f"SELECT count(*) > 0 FROM {table} WHERE '{label}' IN (api_key_name, user_name, region_name)") == [
            (True,)
        ]


def test_use_has_the_owner_that_its_ids_have_on_that_date(query: Query) -> None:
    """Worked out again, rule by rule, from the rows at full grain."""
    rules = query(
        "SELECT connection_id, kind, id, team, valid_from::text, valid_to::text, place, rule_id FROM marts.owners"
    )
    by_thing: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for rule in rules:
        by_thing.setdefault((rule[1], rule[2]), []).append(rule)
    expected: dict[tuple[Any, ...], int] = {}
    for row in query(
        "SELECT connection_id, usage_date::text, deployment, api_key_id, user_id, project_id, tag_team, input_tokens"
        " FROM marts.daily_usage WHERE input_tokens IS NOT NULL"
    ):
        connection_id, day, *ids, tokens = row
        kinds = ("deployment", "api_key", "user", "project", "tag_team")
        things = [*zip(kinds, ids, strict=True), ("connection", connection_id)]
        may = [
            rule
            for thing in things
            for rule in by_thing.get(thing, [])
            if rule[0] in ("", connection_id) and rule[4].replace("-infinity", "") <= day < rule[5]
        ]
        team = min(may, key=lambda rule: (rule[6], rule[0] == "", rule[7]))[3] if may else ""
        expected[connection_id, day, team] = expected.get((connection_id, day, team), 0) + tokens
    found = query("SELECT connection_id, usage_date::text, team, sum(input_tokens) FROM used GROUP BY 1, 2, 3")
    assert {row[:3]: row[3] for row in found if row[3] is not None} == expected
