"""The price book: intervals that follow a list day by day, and rows that are never edited."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.price_book import OPEN, Price, record_prices

Query = Callable[..., list[tuple[Any, ...]]]
MILLION = Decimal(1_000_000)


def price(amount: str, model: str = "glm", **more: Any) -> Price:
    values = {"meter": "output_tokens", "service_tier": "standard", "context_from": 0, "region": "", "host": ""}
    values |= {"currency": "USD", "per": MILLION, "valid_from": date(2026, 6, 1)} | more
    return Price("acme", "acme_1", model, model, amount=Decimal(amount), **values)


@pytest.fixture
def record(engine: Engine, request: pytest.FixtureRequest) -> Callable[..., int]:
    """Write prices of a source of the test's own."""
    source = request.node.name

    def write(rows: Iterable[Price], as_of: int | None = None, until: int | None = None) -> int:
        days = {"as_of": as_of and date(2026, 6, as_of), "until": date(2026, 6, until) if until else OPEN}
        return in_transaction(
            engine,
            lambda cursor: record_prices(cursor, rows, origin="list", rank=2, source=source, who="a test", **days),
        )

    return write


@pytest.fixture
def book(query: Query, request: pytest.FixtureRequest) -> Callable[[], list[tuple[Any, ...]]]:
    def read() -> list[tuple[Any, ...]]:
        rows = query(
            "SELECT model, extract(day from valid_from)::int, nullif(valid_to, 'infinity'), amount FROM ledger.price"
            " WHERE source = %s AND superseded_at IS NULL ORDER BY model, valid_from",
            request.node.name,
        )
        return [(model, first, end.day if end else None, str(amount.normalize())) for model, first, end, amount in rows]

    return read


def test_a_list_opens_an_interval_on_the_date_on_which_it_was_first_seen(record: Any, book: Any) -> None:
    assert record([price("4.4"), price("0.0075", "deepseek")], as_of=3) == 2
    assert book() == [("deepseek", 3, None, "0.0075"), ("glm", 3, None, "4.4")]


def test_an_equal_list_of_a_later_date_changes_nothing(record: Any, book: Any) -> None:
    record([price("4.4")], as_of=3)
    assert record([price("4.40")], as_of=4) == 0
    assert book() == [("glm", 3, None, "4.4")]


def test_a_changed_price_ends_the_interval_and_begins_another(record: Any, book: Any, query: Query) -> None:
    record([price("4.4")], as_of=3)
    assert record([price("4.5")], as_of=6) == 3
    assert book() == [("glm", 3, 6, "4.4"), ("glm", 6, None, "4.5")]
    assert query(
        "SELECT who, old, new, valid_from, valid_to = 'infinity' FROM ops.price_change WHERE source = %s"
        " ORDER BY changed_at",
        "test_a_changed_price_ends_the_interval_and_begins_another",
    ) == [
        ("a test", None, Decimal("4.4"), date(2026, 6, 3), True),
        ("a test", Decimal("4.4"), Decimal("4.5"), date(2026, 6, 6), True),
    ]


def test_what_was_said_before_can_still_be_asked(record: Any, query: Query) -> None:
    record([price("4.4")], as_of=3)
    between = datetime.now(UTC)
    record([price("4.5")], as_of=6)
    source = "test_what_was_said_before_can_still_be_asked"
    said = "SELECT amount, valid_from, valid_to = 'infinity' FROM ledger.price WHERE source = %s"
    said += " AND recorded_at <= %s AND (superseded_at > %s OR superseded_at IS NULL)"
    assert query(said, source, between, between) == [(Decimal("4.4"), date(2026, 6, 3), True)]


def test_a_model_that_left_the_list_has_no_price_from_then_on(record: Any, book: Any) -> None:
    record([price("4.4"), price("1", "old")], as_of=3)
    record([price("4.4")], as_of=9)
    assert book() == [("glm", 3, None, "4.4"), ("old", 3, 9, "1")]
    record([price("4.4"), price("1", "old")], as_of=12)
    assert book() == [("glm", 3, None, "4.4"), ("old", 3, 9, "1"), ("old", 12, None, "1")]


def test_an_older_list_decides_the_dates_to_the_next_one_alone(record: Any, book: Any) -> None:
    record([price("4.4")], as_of=3)
    record([price("4.4")], as_of=9)
    record([price("5")], as_of=6, until=9)
    assert book() == [("glm", 3, 6, "4.4"), ("glm", 6, 9, "5"), ("glm", 9, None, "4.4")]
    record([price("4.4")], as_of=6, until=9)
    assert book() == [("glm", 3, None, "4.4")]


def test_a_source_with_dates_of_its_own_is_made_equal_to_what_it_says(record: Any, book: Any) -> None:
    first = price("4.4", valid_to=date(2026, 6, 10))
    record([first, price("5", valid_from=date(2026, 6, 10))])
    assert record([first, price("5", valid_from=date(2026, 6, 10))]) == 0
    record([replace(first, amount=Decimal(4))])
    assert book() == [("glm", 1, 10, "4")]


def test_a_price_of_another_number_of_units_is_another_price(record: Any, book: Any) -> None:
    record([price("4.4")], as_of=3)
    record([price("0.0044", per=Decimal(1000))], as_of=5)
    assert book() == [("glm", 3, 5, "4.4"), ("glm", 5, None, "0.0044")]
