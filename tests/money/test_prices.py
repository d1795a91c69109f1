"""The price book in a real warehouse: contracts, catalogues, bills; what changes, what stays, what was said before."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.contracts.registry import contract
from usage_ledger.core.errors import ConfigError
from usage_ledger.money.bill_prices import derive_bill_prices
from usage_ledger.money.price_list import list_prices
from usage_ledger.money.prices import apply_prices, check_prices
from usage_ledger.warehouse.engine import transaction

Query = Callable[..., list[tuple[Any, ...]]]
FIRST = date(2026, 11, 1)
CONTRACT = """\
prices:
  - provider: openai
    model: gpt-5-mini
    per: 1M tokens
    currency: USD
    from: {first}
    meters: {{output_tokens: {amount}}}
"""
HEAD = "provider,model,meter,service_tier,context_from,region,amount,per,valid_from,valid_to,source\n"
CATALOGUE = HEAD + (
    "openai,gpt-5-mini,output_tokens,,,,2,,,,genai-prices\n"
    "openai,gpt-5-mini,output_tokens,,,,2.05,,,,LiteLLM\n"
    "openai,gpt-5-mini,uncached_input_tokens,,,,0.25,,,,genai-prices\n"
    "openai,gpt-5-mini,uncached_input_tokens,,,,0.25,,,,LiteLLM\n"
)
_numbers = itertools.count(1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> Iterator[Path]:
    """The folder of prices, with a catalogue; the price book and facts are empty."""
    monkeypatch.setenv("USAGE_LEDGER_PRICES", str(tmp_path))
    (tmp_path / "catalogue-2026-11-01.csv").write_text(CATALOGUE, encoding="utf-8")
    with transaction(engine) as cursor:
        cursor.execute(
            "TRUNCATE ledger.price, ops.price_change, ops.price_file, ops.event, ops.connection, ops.load, ops.day,"
            " ledger.model, ledger.cost_daily, ledger.usage_daily"
        )
        cursor.execute(
            "SELECT ops.ensure_month('cost_daily', '2026-11-01'), ops.ensure_month('usage_daily', '2026-11-01')"
        )
        cursor.execute(
            "INSERT INTO ledger.model VALUES ('openai', 'gpt-5-mini', 'gpt-5-mini'),"
            " ('openai', 'gpt-5-mini-2025-08-07', 'gpt-5-mini'), ('openai', 'tts-1', 'tts-1')"
        )
        cursor.execute("INSERT INTO ops.connection VALUES ('acme', 'openai', 'org', 'UTC')")
    yield tmp_path


def write_contract(folder: Path, amount: str, first: date = date(2026, 11, 10)) -> None:
    (folder / "contract.yaml").write_text(CONTRACT.format(amount=amount, first=first), encoding="utf-8")


def write_speech_contract(folder: Path, model: str) -> None:
    text = CONTRACT.format(amount=15, first=FIRST).replace("gpt-5-mini", model).replace("1M tokens", "1M characters")
    (folder / "speech.yaml").write_text(text.replace("output_tokens", "characters"), encoding="utf-8")


def add_line(cursor: Cursor, day: date, **more: Any) -> None:
    """A settled line of the bill."""
    row = dict.fromkeys(contract("cost_daily").names("dimension"), "") | {
        "connection_id": "acme", "report": "costs", "usage_date": day, "row_key": str(uuid.UUID(int=next(_numbers))),
        "provider": "openai", "account_id": "org", "breakdown": "", "basis": "billed", "bucket_start": day,
        "bucket_end": day + timedelta(days=1), "load_id": str(uuid.UUID(int=1)), "charge_category": "Usage",
        "currency": "USD", "model": "tts-1", "meter": "characters", "quantity": "10", "amount": "1",
    } | more  # fmt: skip
    cursor.execute(
        f"INSERT INTO ledger.cost_daily ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values())
    )
    cursor.execute(
        "INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state, settled)"
        " VALUES ('acme', 'costs', %s, 'UTC', 'loaded', true) ON CONFLICT DO NOTHING",
        [day],
    )


def add_lines(engine: Engine, days: range, price: str, **more: Any) -> None:
    with transaction(engine) as cursor:
        for day in days:
            quantity = Decimal(1000 + day)
            amounts = {"quantity": str(quantity), "amount": str(quantity * Decimal(price))}
            add_line(cursor, FIRST + timedelta(days=day), **(amounts | more))


BOOK = (
    "SELECT amount / per, valid_from::text, valid_to::text FROM ledger.price"
    " WHERE superseded_at IS NULL AND rank = %s ORDER BY 2"
)


def test_nothing_new_writes_nothing(folder: Path, engine: Engine, query: Query) -> None:
    write_contract(folder, "1.60")
    said = apply_prices(engine)
    assert "contract.yaml: 1 rows of the price book changed" in said
    before = query("SELECT ctid::text, xmin::text FROM ledger.price ORDER BY 1")
    assert len(before) == 5
    marks = query("SELECT * FROM ops.price_file ORDER BY name")
    assert apply_prices(engine) == []
    assert query("SELECT * FROM ops.price_file ORDER BY name") == marks  # nor was anything read again
    assert query("SELECT ctid::text, xmin::text FROM ledger.price ORDER BY 1") == before


def test_a_contract_counts_before_the_catalogues_from_its_date(folder: Path, engine: Engine, query: Query) -> None:
    write_contract(folder, "1.60")
    apply_prices(engine)
    best = (
        "SELECT DISTINCT ON (day) day::date::text, price * 1000000, rank, source FROM marts.model_prices,"
        " generate_series(date '2026-11-09', '2026-11-10', interval '1 day') AS day"
        " WHERE model = 'gpt-5-mini' AND meter = 'output_tokens' AND valid_from <= day AND day < valid_to"
        " ORDER BY day, rank, precision DESC"
    )
    assert query(best) == [("2026-11-09", 2, 4, "genai-prices"), ("2026-11-10", Decimal("1.6"), 1, "contract.yaml")]


def test_a_back_dated_price_changes_its_days_and_what_was_said_before_can_be_read(
    folder: Path, engine: Engine, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_contract(folder, "1.60", date(2026, 11, 10))
    apply_prices(engine)
    ((then,),) = query("SELECT clock_timestamp()")
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "usage_alerts")
    text = CONTRACT.format(amount="1.60", first="2026-11-10\n    until: 2026-11-15")
    text += CONTRACT.format(amount="1.50", first="2026-11-15").removeprefix("prices:\n")
    (folder / "contract.yaml").write_text(text, encoding="utf-8")
    apply_prices(engine)
    assert query(BOOK, 1) == [
        (Decimal("1.60") / 1000000, "2026-11-10", "2026-11-15"),
        (Decimal("1.50") / 1000000, "2026-11-15", "infinity"),
    ]
    # No amount was edited, and what changed is the days from the 15th on.
    assert query("SELECT count(*), count(superseded_at) FROM ledger.price WHERE rank = 1") == [(3, 1)]
    changes = query(
        "SELECT who, old, new, valid_from::text, valid_to::text FROM ops.price_change"
        " WHERE rank = 1 ORDER BY changed_at"
    )
    assert changes[1:] == [("Airflow, Dag usage_alerts", Decimal("1.60"), Decimal("1.50"), "2026-11-15", "infinity")]
    with transaction(engine) as cursor:
        now_said, then_said = (
            [
                row["amount"]
                for row in list_prices(cursor, "acme", day=date(2026, 11, 20), as_of=as_of)
                if row["rank"] == 1
            ]
            for as_of in (None, then)
        )
    assert (now_said, then_said) == ([Decimal("1.50")], [Decimal("1.60")])


def test_a_removed_price_is_withdrawn_and_a_removed_file(folder: Path, engine: Engine, query: Query) -> None:
    write_contract(folder, "1.60")
    apply_prices(engine)
    (folder / "contract.yaml").unlink()
    apply_prices(engine)
    assert query(BOOK, 1) == []
    assert query("SELECT count(*) FROM ledger.price WHERE rank = 1 AND superseded_at IS NOT NULL") == [(1,)]


def test_a_file_with_a_mistake_writes_nothing(folder: Path, engine: Engine, query: Query) -> None:
    write_contract(folder, "1600")
    with pytest.raises(ConfigError, match=r"780 times what others say, 2\.05 for as much"):
        apply_prices(engine)
    assert query("SELECT count(*) FROM ledger.price") == [(0,)]


def test_a_vendors_list_is_a_neighbour_too(folder: Path, engine: Engine) -> None:
    (folder / "catalogue-2026-11-01.csv").unlink()
    with transaction(engine) as cursor:
        cursor.execute(
            "INSERT INTO ledger.price SELECT 'openai', '', 'gpt-5-mini', 'gpt-5-mini', 'output_tokens', 'standard', 0,"
            " '', '', 'USD', 2, 1000000, '2026-01-01', 'infinity', 2, 'list', 'prices'"
        )
    write_contract(folder, "0.0016")
    with pytest.raises(ConfigError, match="1250 times below what others say"):
        apply_prices(engine)


def test_a_price_fits_by_id_by_family_and_by_prefix(folder: Path, engine: Engine, query: Query) -> None:
    write_contract(folder, "1.60")
    write_speech_contract(folder, "tts%")
    apply_prices(engine)
    rows = query(
        "SELECT model, model_in_book, meter, floor(precision) FROM marts.model_prices WHERE rank = 1 ORDER BY model"
    )
    assert rows == [
        ("gpt-5-mini", "gpt-5-mini", "output_tokens", 2),
        ("gpt-5-mini-2025-08-07", "gpt-5-mini", "output_tokens", 1),
        ("tts-1", "tts%", "characters", 0),
    ]


def test_input_without_a_cached_part_has_the_price_of_uncached_input(
    folder: Path, engine: Engine, query: Query
) -> None:
    apply_prices(engine)
    rows = query(
        "SELECT DISTINCT meter, price * 1000000 FROM marts.model_prices WHERE meter LIKE '%%input%%' ORDER BY 1"
    )
    assert rows == [("input_tokens", Decimal("0.25")), ("uncached_input_tokens", Decimal("0.25"))]


def test_sources_that_differ_by_more_than_two_percent_are_one_finding(
    folder: Path, engine: Engine, query: Query
) -> None:
    with transaction(engine) as cursor:
        add_line(cursor, FIRST, model="gpt-5-mini", meter="")
    apply_prices(engine)
    rows = query(
        "SELECT model, meter, source, other_source, ratio FROM marts.price_conflicts WHERE model = 'gpt-5-mini'"
    )
    assert rows == [("gpt-5-mini", "output_tokens", "genai-prices", "LiteLLM", Decimal("1.025"))]
    events = "SELECT connection_id, message, closed_at IS NOT NULL FROM ops.event WHERE kind = 'price_conflict'"
    message = "genai-prices and LiteLLM differ on the price of gpt-5-mini: output_tokens 2 and 2.05 USD for a million"
    assert query(events) == [("acme", message, False)]
    path = folder / "catalogue-2026-11-01.csv"
    path.write_text(CATALOGUE.replace("0.25,,,,LiteLLM", "0.254,,,,LiteLLM"), encoding="utf-8")
    apply_prices(engine)
    assert query(events) == [("acme", message, False)]  # again, and 1.6 % is none
    path.write_text(CATALOGUE.replace("2.05", "2.04"), encoding="utf-8")
    apply_prices(engine)
    assert query(events) == [("acme", message, True)]
    assert query("SELECT count(*) FROM marts.price_conflicts") == [(0,)]


def test_a_contract_is_no_conflict(folder: Path, engine: Engine, query: Query) -> None:
    write_contract(folder, "1.00")
    (folder / "catalogue-2026-11-01.csv").write_text(CATALOGUE.replace("2.05", "2"), encoding="utf-8")
    apply_prices(engine)
    assert query("SELECT count(*) FROM marts.price_conflicts") == [(0,)]


def test_a_model_that_the_ledger_lacks_is_no_conflict(folder: Path, engine: Engine, query: Query) -> None:
    with transaction(engine) as cursor:
        cursor.execute("DELETE FROM ledger.model WHERE model LIKE 'gpt%'")
    apply_prices(engine)
    assert query("SELECT count(*) FROM marts.price_conflicts") == [(0,)]


def test_three_days_at_one_price_make_it_known(folder: Path, engine: Engine, query: Query) -> None:
    # 7.5e-9 has ten digits here; a unit price cut to nano dollars would say 7e-9.
    add_lines(engine, range(2), "0.0000000075", unit_price="0.000000007")
    assert derive_bill_prices(engine) == 0
    add_lines(engine, range(2, 3), "0.0000000075", unit_price="0.000000007")
    assert derive_bill_prices(engine) == 1
    assert query(BOOK, 3) == [(Decimal("0.0000000075"), "2026-11-01", "infinity")]
    assert query("SELECT connection_id, model, meter, origin, source FROM ledger.price") == [
        ("acme", "tts-1", "characters", "bill", "bill of acme")
    ]
    assert derive_bill_prices(engine) == 0
    add_lines(engine, range(3, 5), "0.00000000750000001")
    assert derive_bill_prices(engine) == 0  # other digits of the same price


def test_a_load_and_a_list_let_prices_be_derived_again(folder: Path, engine: Engine, query: Query) -> None:
    add_lines(engine, range(3), "0.000015")
    apply_prices(engine)
    assert query(BOOK, 3) == []
    query(
        "INSERT INTO ops.load (load_id, connection_id, report, window_from, window_to, state, declaration, run_id,"
        " ended_at) VALUES (gen_random_uuid(), 'acme', 'costs', '2026-11-01', '2026-11-04', 'loaded', '', '', now())"
        " RETURNING 1"
    )
    assert apply_prices(engine) == ["bills: 1 rows of the price book changed"]
    write_speech_contract(folder, "tts-1")
    assert apply_prices(engine) == ["speech.yaml: 1 rows of the price book changed"]
    assert apply_prices(engine) == []


def test_another_price_is_new_after_seven_days_alone(folder: Path, engine: Engine, query: Query) -> None:
    add_lines(engine, range(5), "0.000015")
    add_lines(engine, range(5, 11), "0.00001515")
    derive_bill_prices(engine)
    assert query(BOOK, 3) == [(Decimal("0.000015"), "2026-11-01", "infinity")]
    add_lines(engine, range(11, 12), "0.00001515")
    derive_bill_prices(engine)
    assert query(BOOK, 3) == [
        (Decimal("0.000015"), "2026-11-01", "2026-11-06"),
        (Decimal("0.00001515"), "2026-11-06", "infinity"),
    ]
    assert query("SELECT count(*) FROM ledger.price WHERE superseded_at IS NOT NULL") == [(1,)]


def test_days_at_two_prices_imply_none(folder: Path, engine: Engine, query: Query) -> None:
    add_lines(engine, range(4), "0.000015")
    add_lines(engine, range(4), "0.00003")
    assert derive_bill_prices(engine) == 0


@pytest.mark.parametrize(
    "more",
    [{"quantity": None}, {"quantity": "0"}, {"charge_category": "Tax"}, {"meter": "tokens"}, {"meter": "odd"}],
    ids=["no quantity", "nothing", "a tax", "one amount for all", "a meter of the vendor"],
)
def test_lines_that_say_no_price_imply_none(folder: Path, engine: Engine, more: dict[str, Any]) -> None:
    add_lines(engine, range(4), "0.000015", **more)
    assert derive_bill_prices(engine) == 0


def test_open_days_imply_no_price(folder: Path, engine: Engine, query: Query) -> None:
    add_lines(engine, range(4), "0.000015")
    with transaction(engine) as cursor:
        cursor.execute("UPDATE ops.day SET settled = false WHERE usage_date > '2026-11-02'")
    assert derive_bill_prices(engine) == 0


def test_a_contract_leaves_nothing_to_derive(folder: Path, engine: Engine, query: Query) -> None:
    write_speech_contract(folder, "tts-1")
    add_lines(engine, range(4), "0.000016")
    apply_prices(engine)
    assert query(BOOK, 3) == []
    add_lines(engine, range(4), "0.000032", service_tier="priority")
    derive_bill_prices(engine)  # the contract says nothing of that tier
    assert query(BOOK, 3) == [(Decimal("0.000032"), "2026-11-01", "infinity")]


def test_accelerators_have_a_price_by_type(folder: Path, engine: Engine, query: Query) -> None:
    add_lines(engine, range(3), "0.001", meter="accelerator_seconds", model="", accelerator="NVIDIA_H100_80GB")
    derive_bill_prices(engine)
    assert query("SELECT model, meter, price, precision FROM marts.model_prices WHERE rank = 3") == [
        ("NVIDIA_H100_80GB", "accelerator_seconds", Decimal("0.001"), 4)
    ]


def test_the_files_can_be_checked_alone(folder: Path, engine: Engine) -> None:
    (folder / "contract.yaml").write_text(
        CONTRACT.format(amount=1, first=FIRST).replace("gpt-5-mini", "gpt-6-mini"), encoding="utf-8"
    )
    (doubt,) = check_prices()
    assert "the nearest are gpt-5-mini" in doubt


def test_a_name_of_neither_connection_nor_provider_is_refused(folder: Path, engine: Engine) -> None:
    with transaction(engine) as cursor, pytest.raises(ConfigError, match="name one of: acme"):
        list_prices(cursor, "acmee")
