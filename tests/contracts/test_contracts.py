"""A contract is valid, is what the warehouse and Parquet hold, and finds every row that breaks it."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from great_expectations import expectations as gxe
from kit.plain_words import faults_of

from usage_ledger.contracts.odcs import Contract, from_odcs
from usage_ledger.contracts.registry import arrow_schema, contract, tables
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import CONTRACTS, SQL
from usage_ledger.core.windows import DAY, Window
from usage_ledger.pipeline import expectations, validate
from usage_ledger.pipeline.findings import SAMPLES, Finding, summary
from usage_ledger.pipeline.rules import rules_of_rows, rules_of_table
from usage_ledger.pipeline.validate import check

TABLES = list(tables())
VIEWS = ["focus_1_2", "focus_1_4"]
WAREHOUSE_ADDS = {"ops.name_observation": ["fetched_at"]}
D = date(2026, 9, 14)
WINDOW = Window(D, D + DAY * 2)
DAY_SECONDS = 86400


def document(table: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CONTRACTS / f"{table}.yaml").read_text(encoding="utf-8"))
    return found


# The documents


def test_the_facts_and_the_names_have_a_contract() -> None:
    assert TABLES == ["cost_daily", "name_observation", "usage_daily"]
    assert sorted(path.stem for path in CONTRACTS.glob("*.yaml")) == sorted([*TABLES, *VIEWS])


@pytest.mark.parametrize("table", [*TABLES, *VIEWS])
def test_a_contract_is_a_valid_open_data_contract(table: str, tmp_path: Path) -> None:
    cli = pytest.importorskip("datacontract.data_contract", reason="datacontract-cli is not installed")
    run = cli.DataContract(data_contract_file=str(CONTRACTS / f"{table}.yaml")).lint()
    assert run.result == "passed", [check.reason for check in run.checks]
    broken = document(table)
    del broken["apiVersion"]
    broken["schema"][0]["properties"][0]["required"] = "perhaps"
    path = tmp_path / "broken.yaml"
    path.write_text(yaml.safe_dump(broken), encoding="utf-8")
    assert cli.DataContract(data_contract_file=str(path)).lint().result != "passed"


@pytest.mark.parametrize("table", TABLES)
def test_a_contract_says_what_each_column_is(table: str) -> None:
    found = contract(table)
    assert found.table == table
    assert found.description
    assert found.grain
    for column in found.columns:
        assert column.description, column.name
        assert column.required or column.role in ("meter", "attribute"), column.name
        if column.role == "meter" and column.name not in ("amount", "unit_price", "list_amount", "quantity"):
            assert column.unit, column.name
    assert found.primary_key == found.names("key")
    assert len(set(found.names())) == len(found.names())
    for name in (*found.non_negative, *(name for pair in found.at_most for name in pair)):
        assert found.column(name).role == "meter"


@pytest.mark.parametrize("table", TABLES)
def test_every_rule_of_the_document_is_understood(table: str) -> None:
    """A rule that the reader would pass over is a promise that nobody keeps."""
    schema = document(table)["schema"][0]
    for rule in schema.get("quality", ()):
        if rule["type"] == "library":
            assert rule["metric"] == "duplicateValues"
            assert rule["arguments"]["properties"] == list(contract(table).primary_key)
        else:
            assert (rule["type"], rule["engine"]) == ("custom", "usage-ledger")
            assert rule["implementation"].split(": ")[0] in ("nonNegative", "atMost")
    for column in schema["properties"]:
        assert [rule["metric"] for rule in column.get("quality", ())] in ([], ["invalidValues"])


def test_counts_and_durations_may_never_be_negative_and_parts_never_exceed_the_whole() -> None:
    usage = contract("usage_daily")
    assert set(usage.non_negative) == set(usage.names("meter"))
    assert ("cached_input_tokens", "input_tokens") in usage.at_most
    assert contract("cost_daily").column("amount").required
    assert contract("cost_daily").non_negative == ()  # a credit takes back what was charged


def test_a_role_that_does_not_exist_is_refused() -> None:
    broken = document("usage_daily")
    broken["schema"][0]["properties"][0]["customProperties"] = [{"property": "role", "value": "metre"}]
    with pytest.raises(ValueError, match="metre"):
        from_odcs(broken)


def test_a_table_without_contract_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml"):
        contract("nothing")


# The warehouse and Parquet


def created_tables() -> dict[str, str]:
    """The text between the parentheses of every CREATE TABLE of the schema's steps."""
    found: dict[str, str] = {}
    for path in sorted((SQL / "ddl").rglob("*.sql")):
        text = "\n".join(line.partition("--")[0] for line in path.read_text(encoding="utf-8").splitlines())
        found |= dict(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?([a-z_.]+) \((.*?)\n\)", text, re.DOTALL))
        for table, lines in re.findall(r"ALTER TABLE ([a-z_.]+)\n((?:    ADD COLUMN .*\n?)+)", text):
            added = lines.rstrip().replace("    ADD COLUMN ", "    ").replace(" DEFAULT ''", "")
            body, key = found[table].rsplit("    PRIMARY KEY", 1)
            found[table] = f"{body}{added},\n    PRIMARY KEY{key}"
    return found


def column_of(line: str) -> tuple[str, str, bool]:
    match = re.fullmatch(r'([a-z_0-9]+) ([a-z]+(?:\([0-9,]+\))?)( COLLATE "C")?( NOT NULL)?', line.strip())
    assert match, line
    name, kind, collated, required = match.groups()
    assert (kind == "text") == bool(collated), f"{name}: texts, and texts alone, are compared by code points"
    return name, kind, bool(required)


@pytest.mark.parametrize("table", TABLES)
def test_the_warehouse_has_the_contracts_columns(table: str) -> None:
    wanted = contract(table)
    where = document(table)["schema"][0]["physicalName"]
    assert where == f"{wanted.schema}.{table}"
    body = created_tables()[where]
    lines = [line.strip() for line in re.split(r",\n", body.strip())]
    *columns, key = lines
    found = [column_of(line) for line in columns]
    added = WAREHOUSE_ADDS.get(where, [])
    assert [column[0] for column in found if column[0] in added] == added
    assert [column for column in found if column[0] not in added] == [
        (column.name, column.type, column.required) for column in wanted.columns
    ]
    assert key == f"PRIMARY KEY ({', '.join(wanted.primary_key)})"


ARROW = {
    "text": pa.string(),
    "uuid": pa.string(),
    "date": pa.date32(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "bigint": pa.int64(),
    "numeric(38,9)": pa.decimal128(38, 9),
    "numeric(38,18)": pa.decimal128(38, 18),
}


@pytest.mark.parametrize("table", TABLES)
def test_parquet_has_the_contracts_columns_without_a_float(table: str) -> None:
    wanted = contract(table)
    assert [(field.name, field.type, field.nullable) for field in arrow_schema(table)] == [
        (column.name, ARROW[column.type], not column.required) for column in wanted.columns
    ]


# The suite


@pytest.mark.parametrize("table", TABLES)
def test_the_suite_holds_every_rule_of_the_contract(table: str) -> None:
    rules = contract(table)
    suite = [one.expect() for one in (*rules_of_table(rules, 7), *rules_of_rows(rules, WINDOW, {DAY_SECONDS}))]

    def of(kind: type[gxe.Expectation], name: str = "column") -> list[Any]:
        return [getattr(one, name) for one in suite if type(one) is kind]

    assert of(gxe.ExpectColumnValuesToNotBeNull) == list(rules.names("key"))
    valued = {column.name: column for column in rules.columns if column.valid_values}
    for one in suite:
        if type(one) is gxe.ExpectColumnValuesToBeInSet and one.column in valued:
            column = valued.pop(one.column)
            assert one.value_set == list(column.valid_values)
            assert one.severity == ("critical" if column.valid_values_severity == "error" else "warning")
    assert valued == {}
    assert of(gxe.ExpectCompoundColumnsToBeUnique, "column_list") == [list(rules.primary_key)]
    assert sorted(of(gxe.ExpectColumnMinToBeBetween)) == sorted(rules.non_negative)
    pairs = gxe.ExpectColumnPairValuesAToBeGreaterThanB
    assert sorted(zip(of(pairs, "column_B"), of(pairs, "column_A"), strict=True)) == sorted(rules.at_most)
    assert of(gxe.ExpectTableRowCountToEqual, "value") == [7]
    inside = {one.column: one.value_set for one in suite if type(one) is gxe.ExpectColumnValuesToBeInSet}
    assert inside["usage_date"] == ["2026-09-14", "2026-09-15"]
    assert inside["bucket_seconds"] == [DAY_SECONDS]


# What it finds


def row(number: int = 0, table: str = "usage_daily", **more: Any) -> dict[str, Any]:
    start = datetime(2026, 9, 14, tzinfo=UTC)
    common = {
        "connection_id": "acme",
        "report": "usage",
        "usage_date": D,
        "row_key": f"{number:032x}",
        "usage_type": "serverless",
        "provider": "fireworks",
        "account_id": "acme",
        "bucket_start": start,
        "bucket_end": start + DAY,
        "load_id": "0" * 32,
    }
    own: dict[str, dict[str, Any]] = {
        "usage_daily": {"basis": "metered", "input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 2},
        "cost_daily": {"basis": "rated", "charge_category": "Usage", "currency": "USD", "amount": Decimal("-1.5")},
    }
    blank = {column.name: "" if column.required else None for column in contract(table).columns}
    return blank | common | own[table] | more


def table_of(rows: list[dict[str, Any]], table: str = "usage_daily") -> pa.Table:
    # Nullable in the making, so that a missing key can be staged at all.
    schema = arrow_schema(table)
    columns = [pa.array([one[field.name] for one in rows], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def found(
    rows: list[dict[str, Any]], table: str = "usage_daily", count: int | None = None, *, strict: bool = True
) -> list[Finding]:
    return check(
        contract(table),
        table_of(rows, table),
        rows=len(rows) if count is None else count,
        window=WINDOW,
        bucket_seconds=[DAY_SECONDS],
        strict=strict,
    )


@pytest.mark.parametrize("table", ["usage_daily", "cost_daily"])
def test_good_rows_pass(table: str) -> None:
    rows = [row(n, table) for n in range(20)]
    rows[3] |= {"usage_date": D + DAY}
    if table == "usage_daily":
        rows[5] |= {"cached_input_tokens": 10, "output_tokens": 0}
    rows[4] |= dict.fromkeys(name for name in contract(table).names("meter") if name != "amount")
    assert found(rows, table) == []


def test_names_pass_and_an_empty_load_passes() -> None:
    assert found([]) == []
    name = {"connection_id": "a", "kind": "api_key", "id": "k", "observed_on": D, "name": "bot", "load_id": "0" * 32}
    rows = [{**dict.fromkeys(arrow_schema("name_observation").names), **name}]
    names = contract("name_observation")
    assert check(names, table_of(rows, "name_observation"), rows=1, window=None) == []
    twice = check(names, table_of(rows * 2, "name_observation"), rows=2, window=None)
    assert [finding.count for finding in twice] == [2]


BREAKAGES: dict[str, tuple[str, dict[str, Any], str]] = {
    "null key": ("usage_daily", {"connection_id": None}, "not_be_null(connection_id)"),
    "null dimension": ("usage_daily", {"model": None}, "not_be_null(model)"),
    "duplicate key": ("usage_daily", {"row_key": "f" * 32}, "columns_to_be_unique("),
    "negative count": ("usage_daily", {"output_tokens": -1}, "(output_tokens)"),
    "negative seconds": ("usage_daily", {"accelerator_seconds": Decimal("-0.5")}, "(accelerator_seconds)"),
    "more cached than input": ("usage_daily", {"cached_input_tokens": 11}, "(input_tokens, cached_input_tokens)"),
    "beyond 2^53": (
        *("usage_daily", {"input_tokens": 2**53, "cached_input_tokens": 2**53 + 1}),
        "(input_tokens, cached_input_tokens)",
    ),
    "date before": ("usage_daily", {"usage_date": D - DAY}, "in_set(usage_date)"),
    "date after": ("usage_daily", {"usage_date": D + DAY * 2}, "in_set(usage_date)"),
    "short bucket": ("usage_daily", {"bucket_end": datetime(2026, 9, 14, 23, tzinfo=UTC)}, "in_set(bucket_seconds)"),
    "reversed bucket": ("usage_daily", {"bucket_end": datetime(2026, 9, 13, tzinfo=UTC)}, "in_set(bucket_seconds)"),
    "unknown basis": ("usage_daily", {"basis": "guessed"}, "in_set(basis)"),
    "unknown charge": ("cost_daily", {"charge_category": "Gift"}, "in_set(charge_category)"),
    "null amount": ("cost_daily", {"amount": None}, "not_be_null(amount)"),
}


@pytest.mark.parametrize(("table", "broken", "expectation"), BREAKAGES.values(), ids=BREAKAGES)
def test_each_kind_of_breakage_is_found_counted_and_shown(table: str, broken: dict[str, Any], expectation: str) -> None:
    rows = [row(n, table) for n in range(30)]
    for number in range(10, 18):
        rows[number] |= broken
    findings = found(rows, table)
    (finding,) = [one for one in findings if expectation in one.expectation]
    assert len(findings) == 1
    assert finding.critical
    assert finding.count == 8
    assert 1 <= len(finding.samples) <= SAMPLES == 5
    assert "\n" not in str(finding)
    assert "8 rows" in str(finding)
    assert faults_of(str(finding)) == []
    assert found(rows, table, strict=False) == findings


def test_great_expectations_is_asked_about_every_table_or_where_a_rule_is_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts: list[int] = []
    real = expectations.none_broken
    monkeypatch.setattr(expectations, "none_broken", lambda count: counts.append(count) or real(count))
    assert found([row()], strict=False) == []
    assert counts == []
    assert found([row()]) == []
    assert counts == [0]
    assert len(found([row(output_tokens=-1, basis="guessed")], strict=False)) == 2
    assert counts == [0, 2]


def test_every_rule_is_asked_about_where_great_expectations_refuses_what_arrow_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(validate, "count_broken", lambda _rules, _columns: 0)
    monkeypatch.setattr(expectations, "none_broken", lambda _count: False)
    [finding] = found([row(output_tokens=-1)])
    assert "output_tokens" in finding.expectation


def test_many_broken_rules_are_told_in_one_short_sentence() -> None:
    broken = {
        "output_tokens": -1,
        "requests": -1,
        "basis": "x",
        "usage_date": D + DAY * 9,
        "images": -1,
        "sessions": -1,
    }
    findings = found([row(n) | broken for n in range(30)])
    text = summary([finding for finding in findings if finding.critical])
    assert len(findings) >= 6
    assert text.count("such as") == 1
    assert "more rules" in text
    assert faults_of(text) == []


def test_one_bad_row_in_many_is_shown_itself() -> None:
    rows = [row(n) for n in range(1000)]
    rows[777] |= {"cached_input_tokens": 11, "model": "the-odd-one"}
    (finding,) = found(rows)
    assert finding.count == 1
    (sample,) = finding.samples
    assert "the-odd-one" in sample
    assert "cached_input_tokens=11, input_tokens=" in sample


@pytest.mark.parametrize("at_once", [validate.AT_ONCE, 2], ids=["at once", "in parts"])
def test_a_row_count_that_differs_from_the_note_is_found(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "AT_ONCE", at_once)
    (finding,) = found([row(n) for n in range(3)], count=4)
    assert finding.critical
    assert "row_count" in finding.expectation
    assert "observed 3" in finding.samples


@pytest.mark.parametrize("broken", [{"usage_type": "video"}, {"accelerator": "NVIDIA_NEXT"}])
def test_a_word_that_we_do_not_know_is_a_warning(broken: dict[str, Any]) -> None:
    (finding,) = found([row(0), row(1, **broken)])
    assert not finding.critical
    assert finding.count == 1
    assert next(iter(broken.values())) in finding.samples[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table.set_column(24, "input_tokens", pa.array([1.0])), "input_tokens is double, not int64"),
        (lambda table: table.drop_columns(["model"]), "model is absent"),
        (lambda table: table.append_column("extra", pa.array(["x"])), "extra is not in the contract"),
    ],
    ids=["float", "absent", "extra"],
)
def test_a_column_of_another_type_is_found_before_all_else(change: Any, says: str) -> None:
    (finding,) = check(contract("usage_daily"), change(table_of([row()])), rows=9, window=WINDOW)
    assert finding.critical
    assert finding.count == 1
    assert any(says in sample for sample in finding.samples)


def test_several_breakages_are_all_told() -> None:
    rows = [row(0, output_tokens=-1), row(0, basis="guessed", usage_date=D + DAY * 9)]
    told = " ".join(finding.expectation for finding in found(rows))
    for column in ("output_tokens", "basis", "usage_date"):
        assert f"({column})" in told


def test_the_contract_that_is_read_is_the_one_on_disk() -> None:
    read: Contract = from_odcs(document("usage_daily"))
    assert read == contract("usage_daily")
