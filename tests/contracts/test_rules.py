"""Both forms of each rule of a contract, Arrow's and the expectation, say the same of any table."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usage_ledger.contracts.odcs import Contract
from usage_ledger.contracts.registry import arrow_schema, contract
from usage_ledger.core.windows import DAY, Window
from usage_ledger.pipeline.expectations import none_broken, results
from usage_ledger.pipeline.rules import Rule, checked_columns, count_broken, rules_of_rows, rules_of_table

TABLES = ["cost_daily", "name_observation", "usage_daily"]
D = date(2026, 9, 14)
START = datetime(2026, 9, 14, tzinfo=UTC)
WINDOW = Window(D, D + DAY * 2)
DAY_SECONDS = 86400
Row = dict[str, Any]


def rules_for(table: Contract, rows: int) -> list[Rule]:
    window = WINDOW if "bucket_start" in table.names() else None
    return [*rules_of_rows(table, window, {DAY_SECONDS}), *rules_of_table(table, rows)]


def good_row(table: Contract, number: int = 0) -> Row:
    """A row that breaks no rule; every meter of it has a value."""
    values: dict[str, Any] = {
        "bigint": 4,
        "date": D,
        "numeric(38,18)": Decimal(4),
        "numeric(38,9)": Decimal(4),
        "text": "a",
        "timestamptz": START,
        "uuid": "0" * 32,
    }
    row = {one.name: one.valid_values[0] if one.valid_values else values[one.type] for one in table.columns}
    if "bucket_end" in row:
        row["bucket_end"] = START + DAY
    return row | {"row_key" if "row_key" in row else "id": f"{number:032x}"}


def rows_as_table(table: Contract, rows: list[Row]) -> pa.Table:
    """Without the contract's word on nulls, so that a required column may hold one."""
    schema = pa.schema([pa.field(one.name, one.type) for one in arrow_schema(table.table)])
    return pa.Table.from_pylist(rows, schema=schema)


def verdicts_of_arrow(rules: list[Rule], columns: Any) -> dict[str, Any]:
    """For each rule that applies the rows that break it, or whether the table does."""
    verdicts: dict[str, Any] = {}
    for rule in (rule for rule in rules if rule.applies(columns)):
        broken = rule.breaks(columns)
        if not isinstance(broken, bool):
            broken = pc.indices_nonzero(broken.fill_null(False)).to_pylist()
        verdicts[rule.name] = broken
    return verdicts


def disagreements(rules: list[Rule], rows: pa.Table) -> list[str]:
    """The rules whose forms differ: in whether they are broken or, where the expectation names rows, in which rows."""
    columns = checked_columns(rows)
    arrow = verdicts_of_arrow(rules, columns)
    differing = []
    for result in results(rules, columns):
        name = result.expectation_config.meta["rule"]
        verdict, indices = arrow.pop(name), result.result.get("unexpected_index_list")
        same_rows = not isinstance(verdict, list) or indices is None or sorted(indices) == verdict
        if result.exception_info.get("exception_message") or bool(verdict) == result.success or not same_rows:
            differing.append(name)
    return [*differing, *arrow]  # those that Great Expectations gave no result for


def breaking_rows(table: Contract, rule: Rule) -> list[Row]:
    """Two rows of which the second, or the pair, breaks this rule; a row count is that of three."""
    rows = [good_row(table, 0), good_row(table, 1)]
    match rule.expectation, rule.arguments:
        case "expect_column_values_to_not_be_null", {"column": name}:
            rows[1][name] = None
        case "expect_column_min_to_be_between", {"column": name}:
            rows[1][name] = -1
        case "expect_column_pair_values_a_to_be_greater_than_b", {"column_A": whole, "column_B": part}:
            rows[1] |= {whole: 4, part: 5}
        case "expect_column_values_to_be_in_set", {"column": "bucket_seconds"}:
            rows[1]["bucket_end"] = START + DAY / 2
        case "expect_column_values_to_be_in_set", {"column": "usage_date"}:
            rows[1]["usage_date"] = D - DAY
        case "expect_column_values_to_be_in_set", {"column": name}:
            rows[1][name] = "guessed"
        case "expect_compound_columns_to_be_unique", _:
            rows[1] = dict(rows[0])
        case "expect_table_row_count_to_equal", {"value": count}:
            return rows * count
        case _:
            raise AssertionError(f"no example breaks {rule.name}")
    return rows


def all_rules() -> Iterator[Any]:
    for name in TABLES:
        for rule in rules_for(contract(name), 2):
            yield pytest.param(contract(name), rule, id=f"{name}: {rule.name}")


@pytest.mark.parametrize(("table", "rule"), all_rules())
def test_both_forms_of_a_rule_notice_what_breaks_it_and_pass_what_does_not(table: Contract, rule: Rule) -> None:
    good = rows_as_table(table, [good_row(table, 0), good_row(table, 1)])
    bad = rows_as_table(table, breaking_rows(table, rule))
    assert not verdicts_of_arrow([rule], checked_columns(good))[rule.name]
    assert verdicts_of_arrow([rule], checked_columns(bad))[rule.name]
    assert disagreements([rule], good) == disagreements([rule], bad) == []
    assert none_broken(count_broken([rule], checked_columns(good)))
    assert not none_broken(count_broken([rule], checked_columns(bad)))


VALUES: dict[str, list[Any]] = {
    "bigint": [None, -1, 0, 1, 3, 5, 2**53, 2**53 + 1, 2**63 - 1],
    "date": [None, D - DAY, D, D + DAY, D + DAY * 2],
    "numeric(38,18)": [None, Decimal("-0.000000000000000001"), Decimal(0), Decimal(5)],
    "numeric(38,9)": [None, Decimal("-0.000000001"), Decimal(0), Decimal(5)],
    "text": [None, "", "b", "guessed"],
    "timestamptz": [None, START - DAY, START, START + DAY / 2, START + DAY, START + DAY * 2],
    "uuid": [None, "f" * 32],
}


@st.composite
def tables(draw: st.DrawFn, table: Contract) -> pa.Table:
    """Up to five rows; a few cells of each, and at times a whole column, have a value that may break a rule."""
    cells = st.sampled_from([(one.name, value) for one in table.columns for value in VALUES[one.type]])
    keys = st.integers(0, 4)
    changes = st.lists(cells, max_size=6)
    rows = [good_row(table, draw(keys)) | dict(draw(changes)) for _ in range(draw(st.integers(0, 5)))]
    of_all = dict(draw(st.lists(cells, max_size=3)))
    return rows_as_table(table, [row | of_all for row in rows])


@pytest.mark.parametrize("name", TABLES)
def test_both_forms_of_every_rule_agree_on_generated_tables(name: str) -> None:
    table = contract(name)

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(tables(table), st.integers(0, 5))
    def agree(rows: pa.Table, count: int) -> None:
        rules = rules_for(table, count)
        assert disagreements(rules, rows) == []
        columns = checked_columns(rows)
        assert bool(count_broken(rules, columns)) is any(verdicts_of_arrow(rules, columns).values())

    agree()


def test_a_key_of_nulls_alone_is_no_repeat_for_either_form() -> None:
    table = contract("usage_daily")
    blank = dict.fromkeys(table.primary_key)
    rows = rows_as_table(table, [good_row(table) | blank, good_row(table) | blank])
    assert disagreements(rules_for(table, 2), rows) == []


LOOSER: dict[str, dict[str, Any]] = {
    "expect_column_values_to_not_be_null": {"mostly": 0.1},
    "expect_column_min_to_be_between": {"min_value": -9},
    "expect_column_pair_values_a_to_be_greater_than_b": {"or_equal": True, "mostly": 0.1},
    "expect_column_values_to_be_in_set": {"mostly": 0.1},
    "expect_compound_columns_to_be_unique": {"mostly": 0.0},
    "expect_table_row_count_to_equal": {"value": 4},
}


@pytest.mark.parametrize("kind", LOOSER)
def test_a_change_of_one_form_alone_is_noticed(kind: str) -> None:
    table = contract("usage_daily")
    rule = next(one for one in rules_for(table, 2) if one.expectation == kind)
    rows = rows_as_table(table, breaking_rows(table, rule))
    assert disagreements([rule], rows) == []
    assert disagreements([replace(rule, breaks=lambda _: False)], rows) == [rule.name]
    looser = replace(rule, arguments={**rule.arguments, **LOOSER[kind]})
    assert disagreements([looser], rows) == [rule.name]
