"""The bill in the columns of FOCUS: the arithmetic of small hand-written lines, the rules over all providers' lines."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kit.filled_ledger import fill_ledger
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.contracts.registry import arrow_schema, contract
from usage_ledger.core.errors import ConfigError
from usage_ledger.money import focus
from usage_ledger.money.focus import export_month, open_reports
from usage_ledger.money.prices import apply_prices
from usage_ledger.providers import PROVIDERS
from usage_ledger.warehouse import schema
from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.schema import ensure_schema

VIEWS = {"1.2": "focus_1_2", "1.4": "focus_1_4"}
FIRST, LAST = date(2026, 11, 17), date(2026, 11, 18)
NOVEMBER = date(2026, 11, 1)
VERDICTS = {"reconciled", "explained", "within_bounds", "out_of_bounds", "unpriced"}
SOLD = ("Usage", "Purchase")
PRICED = (
    *("PricingQuantity", "PricingUnit", "ListUnitPrice", "ContractedUnitPrice", "PricingCategory"),
    *("SkuId", "SkuMeter", "SkuPriceId"),
)
NEWER = {
    *("AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName", "AllocatedTags"),
    *("CommitmentProgramEligibilityDetails", "ContractApplied", "HostProviderName", "InvoiceDetailId"),
    "ServiceProviderName",
}


@pytest.fixture(scope="module")
def filled(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A ledger with two days of every stand-in, at the prices of the book."""
    fill_ledger(engine, tmp_path_factory.mktemp("raw"), FIRST, LAST)
    apply_prices(engine)
    with transaction(engine) as cursor:
        cursor.execute("ANALYZE")
    return engine


@pytest.fixture(scope="module")
def lines(filled: Engine) -> list[dict[str, Any]]:
    """Every line in the columns of 1.4."""
    with transaction(filled) as cursor:
        return rows_of(cursor, "SELECT * FROM marts.focus_1_4")


def rows_of(cursor: Cursor, text: str) -> list[dict[str, Any]]:
    cursor.execute(text)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture
def cursor(engine: Engine) -> Iterator[Cursor]:
    """One transaction, undone at the end."""
    with closing(engine.raw_connection()) as connection:
        opened = connection.driver_connection.cursor()
        opened.execute("SELECT ops.ensure_month('cost_daily', '2026-11-01')")
        yield opened
        connection.rollback()


def line_of(cursor: Cursor, **values: Any) -> dict[str, Any]:
    """A bill line of OpenAI's in the columns of 1.4; what is not said is '', null, or a day of November."""
    begin = datetime(2026, 11, 3, tzinfo=UTC)
    same = {
        **dict.fromkeys(contract("cost_daily").names("dimension"), ""),
        "connection_id": "hand",
        "report": "costs",
        "usage_date": begin.date(),
        "row_key": str(uuid.uuid4()),
        "provider": "openai",
        "account_id": "org-1",
        "breakdown": "",
        "basis": "billed",
        "currency": "USD",
        "charge_category": "Usage",
        "bucket_start": begin,
        "bucket_end": begin + timedelta(1),
        "load_id": str(uuid.UUID(int=1)),
        "model": "gpt-5",
        "line_item": "gpt-5, input",
    }
    row = same | values
    cursor.execute(
        f"INSERT INTO ledger.cost_daily ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values())
    )
    (line,) = rows_of(cursor, "SELECT * FROM marts.focus_1_4 WHERE \"x_ConnectionId\" = 'hand'")
    return line


def part(line: dict[str, Any], *names: str) -> list[Any]:
    return [line[name] for name in names]


# The columns


TYPES = {"timestamptz": "timestamp with time zone"}


@pytest.mark.parametrize("view", VIEWS.values())
def test_the_views_have_the_columns_and_types_of_their_contracts(cursor: Cursor, view: str) -> None:
    cursor.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        [f"marts.{view}"],
    )
    wanted = [(column.name, TYPES.get(column.type, column.type)) for column in contract(view).columns]
    assert cursor.fetchall() == wanted


def test_there_are_as_many_columns_as_the_standard_has_and_1_2_is_a_projection() -> None:
    names = {version: contract(view).names() for version, view in VIEWS.items()}
    standard = {version: {name for name in names[version] if not name.startswith("x_")} for version in names}
    assert {version: len(found) for version, found in standard.items()} == {"1.2": 57, "1.4": 65}
    assert standard["1.4"] - standard["1.2"] == NEWER
    assert standard["1.2"] - standard["1.4"] == {"ProviderName", "PublisherName"}
    for listed in names.values():
        own = [name for name in listed if name.startswith("x_")]
        assert list(listed[-len(own) :]) == own
        assert all(name[2].isupper() and "_" not in name[2:] for name in own)


# The arithmetic


def test_tokens_are_priced_by_the_million(cursor: Cursor) -> None:
    line = line_of(cursor, meter="uncached_input_tokens", unit="tokens", quantity=8_400_000, amount=42)
    assert part(line, "ConsumedQuantity", "ConsumedUnit", "PricingQuantity", "PricingUnit") == [
        *(8_400_000, "Tokens"),
        *(Decimal("8.4"), "1000000 Tokens"),
    ]
    assert part(line, "ListUnitPrice", "ContractedUnitPrice", "ListCost", "ContractedCost") == [5, 5, 42, 42]
    assert part(line, "SkuId", "SkuMeter") == ["openai:gpt-5:uncached_input_tokens", "Input Tokens"]
    assert part(line, "x_InputTokens", "x_OutputTokens", "x_ModelId") == [8_400_000, None, "gpt-5"]


def test_a_price_is_of_the_amount_and_never_the_vendors_cut_one(cursor: Cursor) -> None:
    line = line_of(
        cursor,
        meter="cached_input_tokens",
        unit="tokens",
        quantity=2_680_109,
        amount=Decimal("0.020100817500000000"),
        unit_price=Decimal("0.000000007"),
    )
    assert line["ContractedUnitPrice"] == Decimal("0.0075")
    assert line["ContractedCost"] == Decimal("0.0201008175")


def test_thousands_of_tokens_are_tokens(cursor: Cursor) -> None:
    line = line_of(cursor, meter="input_tokens", unit="1000_tokens", quantity=Decimal("1.5"), amount=3)
    assert part(line, "ConsumedQuantity", "PricingQuantity") == [1500, Decimal("0.0015")]


@pytest.mark.parametrize(
    ("meter", "unit"),
    [
        ("accelerator_seconds", "Seconds"),
        ("images", "Images"),
        ("web_searches", "Web Searches"),
        ("a_word_of_the_vendor", "Units"),
        ("", "Units"),
    ],
)
def test_what_is_no_token_is_priced_as_it_is_consumed(cursor: Cursor, meter: str, unit: str) -> None:
    line = line_of(cursor, meter=meter, quantity=4, amount=2)
    assert part(line, "ConsumedQuantity", "ConsumedUnit", "PricingQuantity", "PricingUnit") == [4, unit, 4, unit]
    assert line["ContractedUnitPrice"] == Decimal("0.5")


def test_stored_bytes_are_gibibyte_hours(cursor: Cursor) -> None:
    line = line_of(cursor, meter="storage_byte_hours", quantity=3 * 2**30, amount=6)
    assert part(line, "ConsumedQuantity", "ConsumedUnit", "ListUnitPrice") == [3, "GiB-Hours", 2]


@pytest.mark.parametrize("quantity", [None, 0, -3])
def test_an_amount_without_a_quantity_that_goes_with_it_is_one_unit(cursor: Cursor, quantity: int | None) -> None:
    line = line_of(cursor, meter="requests", quantity=quantity, amount=Decimal("7.25"))
    assert part(line, "ConsumedQuantity", "ConsumedUnit", "ContractedUnitPrice") == [1, "Units", Decimal("7.25")]


def test_nothing_for_nothing_costs_nothing(cursor: Cursor) -> None:
    line = line_of(cursor, meter="requests", quantity=0, amount=0)
    assert part(line, "ConsumedQuantity", "ListUnitPrice", "ListCost", "ChargeCategory") == [0, 0, 0, "Usage"]


def test_use_that_is_taken_back_has_a_negative_quantity_or_is_an_adjustment(cursor: Cursor) -> None:
    line = line_of(cursor, meter="requests", quantity=-2, amount=-1)
    assert part(line, "ChargeCategory", "PricingQuantity", "ListUnitPrice", "ListCost") == [
        *("Usage", -2),
        *(Decimal("0.5"), -1),
    ]
    cursor.execute("DELETE FROM ledger.cost_daily WHERE connection_id = 'hand'")
    line = line_of(cursor, meter="requests", quantity=2, amount=-1)
    assert part(line, "ChargeCategory", "PricingQuantity", "ListUnitPrice", "ListCost") == [
        "Adjustment",
        None,
        None,
        -1,
    ]


def test_a_purchase_costs_nothing_in_effect(cursor: Cursor) -> None:
    line = line_of(cursor, charge_category="Purchase", amount=500)
    assert part(line, "BilledCost", "EffectiveCost", "PricingCurrencyEffectiveCost") == [500, 0, 0]
    assert part(line, "ChargeFrequency", "ConsumedQuantity", "PricingQuantity") == ["One-Time", None, 1]


@pytest.mark.parametrize("charge", ["Tax", "Credit", "Adjustment"])
def test_what_is_not_sold_has_no_price(cursor: Cursor, charge: str) -> None:
    line = line_of(cursor, charge_category=charge, quantity=0, amount=-3)
    assert part(line, *PRICED, "SkuPriceDetails", "ConsumedQuantity", "ConsumedUnit") == [None] * (len(PRICED) + 3)
    assert part(line, "ListCost", "ContractedCost", "EffectiveCost", "BilledCost") == [-3] * 4


def test_the_list_price_is_of_the_amount_at_list_prices(cursor: Cursor) -> None:
    line = line_of(cursor, meter="requests", quantity=4, amount=2, list_amount=3)
    assert part(line, "ListUnitPrice", "ListCost", "ContractedUnitPrice", "ContractedCost") == [
        *(Decimal("0.75"), 3),
        *(Decimal("0.5"), 2),
    ]


@pytest.mark.parametrize(("invoice_month", "month"), [("", 11), ("202612", 12), ("later", 11)])
def test_the_billing_period_is_the_invoices_month_where_it_is_said(
    cursor: Cursor, invoice_month: str, month: int
) -> None:
    line = line_of(cursor, amount=1, invoice_month=invoice_month)
    assert line["BillingPeriodStart"] == datetime(2026, month, 1, tzinfo=UTC)
    assert line["BillingPeriodEnd"] == datetime(2026 + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def test_currencies_resources_and_names_are_those_of_the_line(cursor: Cursor) -> None:
    for name, valid_from, valid_to in (("old", NOVEMBER, "2026-11-10"), ("new", "2026-11-10", None)):
        for kind, identity in (("project", "proj_1"), ("api_key", "key_1")):
            cursor.execute(
                "INSERT INTO ledger.name (connection_id, kind, id, name, valid_from, valid_to)"
                " VALUES ('hand', %s, %s, %s, %s, %s)",
                [kind, identity, name, valid_from, valid_to],
            )
    line = line_of(
        cursor,
        currency="EUR",
        amount=1,
        project_id="proj_1",
        api_key_id="key_1",
        region="eu",
        resource="/subscriptions/1/resourceGroups/g/providers/Vendor.Service/accounts/a1",
    )
    assert part(line, "BillingCurrency", "PricingCurrency", "RegionId") == ["EUR", "EUR", "eu"]
    assert part(line, "SubAccountId", "SubAccountName", "SubAccountType") == ["proj_1", "old", "Project"]
    assert part(line, "x_ApiKeyId", "x_ApiKeyName") == ["key_1", "old"]
    assert part(line, "ResourceName", "ResourceType") == ["a1", "Vendor.Service/accounts"]


SPLIT = """
CREATE OR REPLACE VIEW marts.allocated_cost AS
SELECT connection_id, provider, report, usage_date, row_key, currency, owner.team COLLATE "C" AS team,
    owner.app COLLATE "C" AS app, '4711' COLLATE "C" AS cost_center, deployment,
    owner.api_key_id COLLATE "C" AS api_key_id, user_id, project_id, '' AS tag_team, 'r' COLLATE "C" AS rule_id,
    'metered share' AS method, owner.amount AS amount, settled
FROM marts.bill_lines CROSS JOIN (VALUES
    ('ads', 'bids', 'key_1', 0.333333333333333333), ('search', '', '', 0.666666666666666667)
) AS owner (team, app, api_key_id, amount)
WHERE connection_id = 'hand'
"""


def test_a_line_that_is_divided_among_owners_is_as_many_rows_which_add_up_to_it(cursor: Cursor) -> None:
    line_of(cursor, meter="output_tokens", unit="tokens", quantity=3_000_000, amount=1)
    cursor.execute(SPLIT)
    rows = rows_of(cursor, 'SELECT * FROM marts.focus_1_4 WHERE "x_ConnectionId" = \'hand\' ORDER BY "x_Part"')
    assert [part(row, "x_Part", "x_Team", "x_App", "x_ApiKeyId", "x_CostCenter") for row in rows] == [
        [1, "ads", "bids", "key_1", "4711"],
        [2, "search", None, None, "4711"],
    ]
    assert sum(row["BilledCost"] for row in rows) == 1
    assert [row["ConsumedQuantity"] for row in rows] == [
        Decimal("999999.999999999999"),
        Decimal("2000000.000000000001"),
    ]
    assert {row["ContractedUnitPrice"] for row in rows} == {Decimal("0.333333333333333333")}
    for row in rows:
        assert abs(row["ContractedCost"] - row["BilledCost"]) < Decimal("1e-9")
    assert [part(row, "AllocatedMethodId", "AllocatedResourceId", "AllocatedTags") for row in rows] == [
        ["metered share", "key_1", '{"app": "bids", "team": "ads", "cost_center": "4711"}'],
        ["metered share", "search", '{"team": "search", "cost_center": "4711"}'],
    ]


def test_a_whole_line_is_not_allocated(cursor: Cursor) -> None:
    line = line_of(cursor, meter="requests", quantity=1, amount=1)
    assert part(line, "AllocatedMethodId", "AllocatedResourceId", "AllocatedTags", "x_Part") == [None, None, None, 1]
    assert line["x_AllocationMethod"]


def test_where_the_bill_has_amounts_alone_the_quantity_is_what_was_metered(lines: list[dict[str, Any]]) -> None:
    basis = {(line["x_QuantityBasis"], line["ConsumedUnit"]) for line in lines if line["ChargeCategory"] == "Usage"}
    assert ("metered", "Tokens") in basis
    assert {unit for how, unit in basis if how is None} == {"Units"}


def test_each_line_has_its_verdict(lines: list[dict[str, Any]]) -> None:
    verdicts = {line["x_ReconVerdict"] for line in lines}
    assert {"reconciled", "explained"} <= verdicts <= VERDICTS


# Who sells what


def test_a_provider_that_is_not_declared_loses_no_line(cursor: Cursor) -> None:
    line = line_of(cursor, amount=1, provider="elsewhere")
    assert part(line, "ServiceProviderName", "InvoiceIssuerName", "HostProviderName") == [
        "elsewhere",
        "elsewhere",
        None,
    ]


def test_every_upgrade_writes_what_the_declarations_say(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "SELECT provider, title, seller FROM ledger.provider ORDER BY provider"
    with transaction(engine) as cursor:
        before = rows_of(cursor, said)
    assert {row["provider"] for row in before} == set(PROVIDERS)
    assert not ensure_schema(engine)
    sellers = schema._sellers()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "_sellers", lambda: [one | {"seller": "Another Seller"} for one in sellers])
        assert ensure_schema(engine)
        with transaction(engine) as cursor:
            assert {row["seller"] for row in rows_of(cursor, said)} == {"Another Seller"}
    assert ensure_schema(engine)
    with transaction(engine) as cursor:
        assert rows_of(cursor, said) == before


# The rules, over the lines of every provider


def test_there_are_lines_of_every_provider_with_a_bill(lines: list[dict[str, Any]]) -> None:
    assert len({line["x_ProviderCode"] for line in lines}) >= 7
    assert {line["ChargeCategory"] for line in lines} >= {"Usage", "Credit", "Tax"}


def test_every_cost_is_price_times_quantity(lines: list[dict[str, Any]]) -> None:
    for cost, price in (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")):
        for line in lines:
            if line[price] is None:
                assert line[cost] == line["BilledCost"]
            else:
                least = Decimal("1e-9") * max(abs(line[cost]), Decimal(1))
                assert line[price] >= 0
                assert abs(line[price] * line["PricingQuantity"] - line[cost]) <= least
    for line in lines:
        assert abs(line["ContractedCost"] - line["BilledCost"]) <= Decimal("1e-9") * max(abs(line["BilledCost"]), 1)


def test_columns_are_null_as_the_class_of_charge_says(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        blank = {line[name] is None for name in PRICED}
        assert blank == {line["ChargeCategory"] not in SOLD}, line
        assert (line["ConsumedQuantity"] is not None) == (line["ChargeCategory"] == "Usage")
        assert (line["ConsumedUnit"] is None) == (line["ConsumedQuantity"] is None)
    required = [column.name for column in contract("focus_1_4").columns if column.required]
    assert [name for name in required if any(line[name] is None for line in lines)] == []


def test_an_sku_price_is_of_one_sku(lines: list[dict[str, Any]]) -> None:
    pairs = {(line["SkuPriceId"], line["SkuId"], line["SkuMeter"]) for line in lines if line["SkuPriceId"]}
    assert len({price for price, *_ in pairs}) == len(pairs) > 20


def test_no_text_is_blank_or_a_word_for_nothing(lines: list[dict[str, Any]]) -> None:
    texts = {name: {line[name] for line in lines if isinstance(line[name], str)} for name in lines[0]}
    assert {name for name, values in texts.items() if values & {"", " ", "N/A", "null", "None", "{}"}} == set()


def test_nothing_of_the_bill_is_lost_or_counted_twice(filled: Engine) -> None:
    with transaction(filled) as cursor:
        ledger = rows_of(
            cursor,
            "SELECT connection_id, currency, count(*) AS lines, sum(amount) FROM ledger.cost_daily WHERE breakdown = ''"
            " GROUP BY connection_id, currency ORDER BY connection_id, currency",
        )
        for view in VIEWS.values():
            shown = rows_of(
                cursor,
                'SELECT "x_ConnectionId" AS connection_id, "BillingCurrency" AS currency,'
                ' count(DISTINCT ("x_Report", "x_UsageDate", "x_RowKey")) AS lines,'
                f' sum("BilledCost") FROM marts.{view} GROUP BY 1, 2 ORDER BY 1, 2',
            )
            assert shown == ledger


def test_a_day_is_within_its_billing_period(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        assert line["ChargePeriodStart"] < line["ChargePeriodEnd"]
        assert line["BillingPeriodStart"].day == line["BillingPeriodEnd"].day == 1
        assert line["BillingPeriodStart"] <= line["ChargePeriodStart"] < line["BillingPeriodEnd"]


# The export


@pytest.mark.parametrize("version", VIEWS)
def test_the_file_equals_the_view(
    filled: Engine, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(focus, "BATCH", 100)
    view, file = VIEWS[version], tmp_path / "month.parquet"
    count = export_month(filled, version, NOVEMBER, file)
    table = pq.read_table(file)
    with transaction(filled) as cursor:
        rows = rows_of(
            cursor,
            f'SELECT * FROM marts.{view} ORDER BY "x_ConnectionId", "x_Report", "x_UsageDate", "x_RowKey", "x_Part"',
        )
    assert table.to_pylist() == rows
    assert count == len(rows) > 200
    assert table.schema.equals(arrow_schema(view))
    assert table.schema.field("BilledCost").type == pa.decimal128(38, 18)
    assert table.schema.field("ChargePeriodStart").type == pa.timestamp("us", tz="UTC")
    assert (table.schema.metadata or {})[b"focus_version"] == version.encode()


def test_the_smallest_part_of_an_amount_is_in_the_file(filled: Engine, tmp_path: Path) -> None:
    least = Decimal("0.000000000000000001")
    with transaction(filled) as cursor:
        cursor.execute("SELECT ops.ensure_month('cost_daily', '2026-03-01')")
        line_of(cursor, amount=least, usage_date=date(2026, 3, 1), bucket_start=datetime(2026, 3, 1, tzinfo=UTC))
    try:
        export_month(filled, "1.4", date(2026, 3, 1), tmp_path / "march.parquet")
        (line,) = pq.read_table(tmp_path / "march.parquet").to_pylist()
        assert line["BilledCost"] == least
    finally:
        with transaction(filled) as cursor:
            cursor.execute("DELETE FROM ledger.cost_daily WHERE connection_id = 'hand'")


def test_a_reader_never_has_half_a_file(filled: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "month.parquet"
    file.write_bytes(b"the file of yesterday")
    monkeypatch.setattr(focus, "BATCH", 100)
    monkeypatch.setattr(
        focus.pq.ParquetWriter, "write_batch", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    with pytest.raises(ConfigError, match="No space left"):
        export_month(filled, "1.4", NOVEMBER, file, overwrite=True)
    assert file.read_bytes() == b"the file of yesterday"
    assert list(tmp_path.iterdir()) == [file]
    monkeypatch.undo()
    export_month(filled, "1.4", NOVEMBER, file, overwrite=True)
    assert list(tmp_path.iterdir()) == [file]
    assert pq.read_table(file).num_rows > 200


def test_what_cannot_be_exported_is_said_and_nothing_is_written(filled: Engine, tmp_path: Path) -> None:
    there = tmp_path / "there.parquet"
    there.touch()
    for version, month, to, said in (
        ("1.3", NOVEMBER, tmp_path / "a.parquet", "no version '1.3'"),
        ("1.4", date(2025, 1, 1), tmp_path / "a.parquet", "no bill line is of the billing period 2025-01"),
        ("1.4", NOVEMBER, tmp_path / "a.csv", "is no Parquet file"),
        ("1.4", NOVEMBER, tmp_path / "nowhere" / "a.parquet", "there is no folder"),
        ("1.4", NOVEMBER, there, "exists"),
    ):
        with pytest.raises(ConfigError, match=said) as raised:
            export_month(filled, version, month, to)
        assert raised.value.next_step
    assert list(tmp_path.iterdir()) == [there]
    assert there.read_bytes() == b""


def test_a_month_that_is_not_whole_is_said(filled: Engine) -> None:
    months = open_reports(filled, NOVEMBER)
    assert ("openai_demo", "costs", 30, 2, 0) in [(*month[:4], 0) for month in months]
    assert {connection_id for connection_id, *_ in months} == {
        f"{name}_demo" for name in PROVIDERS if name not in ("groq", "authress", "replicate")
    }
