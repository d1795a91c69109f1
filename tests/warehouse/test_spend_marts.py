"""The marts that answer without a join: they add up to the bill and the meters, and every label says something."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from kit.filled_ledger import fill_ledger
from kit.owners_of_all import write_owners
from sqlalchemy import Engine

from usage_ledger.core.project import ROOT
from usage_ledger.money.owners import apply_owners
from usage_ledger.providers import PROVIDERS
from usage_ledger.warehouse.engine import transaction

Query = Callable[..., list[tuple[Any, ...]]]
FIRST, LAST = date(2026, 11, 13), date(2026, 11, 19)
LABELS = ("team_name", "project_name", "api_key_name", "user_name", "model_name", "region_name")
PAGE = (ROOT / "docs/query.md").read_text(encoding="utf-8").partition("## Questions\n")[2].partition("\n## ")[0]
QUESTIONS = re.findall(r"```sql\n(.*?);\n```", PAGE, re.DOTALL)
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


def test_keys_and_models_have_the_money_of_the_bill_and_the_tokens_of_the_meters(query: Query) -> None:
    bill = dict(query("SELECT currency, sum(amount) FROM marts.bill_lines GROUP BY 1"))
    metered = query("SELECT sum(input_tokens), sum(cached_input_tokens), sum(output_tokens), sum(requests) FROM used")
    for mart in ("daily_cost_by_api_key", "daily_cost_by_model"):
        amounts = query(f"SELECT currency, sum(amount) FROM marts.{mart} WHERE amount IS NOT NULL GROUP BY 1")
        assert dict(amounts) == bill
        assert (
            query(
                "SELECT sum(input_tokens), sum(cached_input_tokens), sum(output_tokens), sum(requests)"
                f" FROM marts.{mart}"
            )
            == metered
        )


def test_a_price_by_the_token_is_given_where_bill_and_meters_count_the_same(query: Query) -> None:
    """Of vendors whose bill has quantities: billed and metered tokens are equal where there is a price."""
    rows = query(
        "SELECT model.cost_per_million_tokens, coalesce(model.input_tokens, 0) + coalesce(model.output_tokens, 0),"
        " sum(line.quantity), sum(line.amount)"
        " FROM marts.daily_cost_by_model AS model"
        " JOIN marts.bill_lines AS line USING (connection_id, usage_date, currency, model)"
        " WHERE line.charge_category = 'Usage' AND line.meter LIKE '%%tokens' AND line.meter <> 'training_tokens'"
        " AND line.quantity IS NOT NULL GROUP BY connection_id, usage_date, currency, model, 1, 2"
    )
    priced = [row for row in rows if row[0] is not None]
    assert len(priced) > 50
    assert [row for row in priced if row[1] != row[2]] == []
    assert all(price == round(amount * 1_000_000 / tokens, 12) for price, tokens, _, amount in priced)


def test_a_months_spend_and_forecast_are_those_of_its_rows(query: Query) -> None:
    lines = query("SELECT connection_id, report, currency, usage_date, charge_category, amount FROM marts.bill_lines")
    settled = query("SELECT connection_id, report, usage_date FROM ops.day WHERE settled AND state <> 'failed'")
    months = query(
        "SELECT connection_id, report, currency, amount, credits, forecast, loaded_days FROM marts.monthly_spend"
    )
    assert len(months) == 7
    for connection_id, report, currency, amount, given, forecast, loaded_days in months:
        own = [line[3:] for line in lines if line[:3] == (connection_id, report, currency)]
        assert (amount, given) == (sum(one[2] for one in own), sum(one[2] for one in own if one[1] == "Credit"))
        by_day: dict[date, Decimal] = {}
        for day, _, part in own:
            by_day[day] = by_day.get(day, Decimal()) + part
        days = [day for *whose, day in settled if whose == [connection_id, report]]
        lacking = [day for day in (date(2026, 11, 1) + timedelta(n) for n in range(30)) if not FIRST <= day <= LAST]
        assert loaded_days + len(lacking) == 30
        typical = {
            weekend: [by_day.get(day, Decimal()) for day in days if (day.weekday() > 4) is weekend]
            for weekend in (True, False)
        }
        expected = (
            amount + sum(median(typical[day.weekday() > 4]) for day in lacking) if all(typical.values()) else None
        )
        assert forecast == expected
    assert len([month for month in months if month[5] is not None]) > 3


def test_month_to_date_by_team_adds_up_to_the_month(query: Query) -> None:
    groups = "connection_id, month, currency"
    assert (
        query(f"SELECT {groups}, sum(amount), max(loaded_days) FROM marts.monthly_cost_by_team GROUP BY {groups}") != []
    )
    assert query(
        f"SELECT {groups}, sum(amount), min(loaded_days), max(days) FROM marts.monthly_cost_by_team GROUP BY {groups}"
        f" EXCEPT SELECT {groups}, sum(amount), min(loaded_days), max(days) FROM marts.monthly_spend GROUP BY {groups}"
    ) == []  # fmt: skip


def test_a_week_later_stands_beside_the_bill(query: Query) -> None:
    found = query("SELECT connection_id, currency, usage_date, amount, week_before FROM marts.spend_beside_last_week")
    bill = query("SELECT connection_id, currency, usage_date, sum(amount), NULL FROM marts.bill_lines GROUP BY 1, 2, 3")
    assert sorted(row[:4] for row in found if row[3]) == sorted(row[:4] for row in bill if row[3])
    assert {row[4] for row in found} == {None}  # a week is loaded, so none has one before it


def test_no_cut_can_be_added_to_records_by_mistake(query: Query) -> None:
    columns = query("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'marts'")
    records = {column for mart, column in columns if mart in ("spend_attribution", "usage_attribution", "daily_usage")}
    for mart in ("user_cut", "api_key_cut"):
        measures = {column for name, column in columns if name == mart and column.startswith("cut_")}
        assert measures >= {"cut_amount", *(f"cut_{measure}" for measure in MEASURES)}
        assert measures & records == set()
        assert query(f"SELECT DISTINCT breakdown FROM marts.{mart} WHERE breakdown IN ('', 'utc_day')") == []
    assert query("SELECT DISTINCT connection_id, breakdown FROM marts.user_cut ORDER BY 1, 2") == [
        ("anthropic_demo", "actor"),
        ("anthropic_demo", "user"),
    ]
    ((keys,),) = query("SELECT sum(cut_amount) FROM marts.api_key_cut WHERE breakdown = 'api_key'")
    ((all_keys,),) = query("SELECT sum(amount) FROM ledger.cost_daily WHERE breakdown = 'api_key'")
    assert keys == all_keys > 0


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_a_question_of_the_manual_is_answered(engine: Engine, number: int) -> None:
    question = QUESTIONS[number].replace("current_date", f"date '{LAST + timedelta(1)}'")
    with transaction(engine) as cursor:
        cursor.execute("SET LOCAL ROLE bi_reader")
        cursor.execute(question)
        rows = cursor.fetchall()
    assert rows or "restatement" in question


def test_the_manual_asks_all_that_an_analyst_asked() -> None:
    assert len(QUESTIONS) >= 13
    for mart in ("spend_beside_last_week", "monthly_spend", "monthly_cost_by_team", "spend_attribution",
                 "daily_cost_by_api_key", "daily_cost_by_model", "user_cut", "api_key_cut"):  # fmt: skip
        assert any(f"FROM marts.{mart}\n" in question for question in QUESTIONS), mart
