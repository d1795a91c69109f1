"""Of two reports of the same traffic one is the record of each date: whatever the order in which they come."""

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from kit.staged_loads import DAY, T0, Desk, Row, charged, used
from sqlalchemy import Engine

from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.incoming import Outcome
from usage_ledger.warehouse.ledger import apply_load
from usage_ledger.warehouse.registration import register
from usage_ledger.warehouse.sql import statement

D1 = date(2026, 6, 1)
D2, D3 = D1 + DAY, D1 + 2 * DAY
HOUR = timedelta(hours=1)
Query = Callable[..., list[tuple[Any, ...]]]
_numbers = itertools.count(1)


class Books(Desk):
    """A connection whose report `old` yields to `new`."""

    def load(self, rows: Sequence[Row], first: date, last: date | None = None, **more: Any) -> Outcome:
        report = more.setdefault("report", "old")
        roles = {"old": {"yields_to": "new"}, "new": {"yielding": ("old",)}}
        return apply_load(self.engine, replace(self.incoming(rows, first, last, **more), **roles.get(report, {})))

    def old(self, *tokens: int, **more: Any) -> Outcome:
        """The report that yields, of one date each from the first one."""
        return self.of("old", *tokens, **more)

    def new(self, *tokens: int, **more: Any) -> Outcome:
        """The preferred report; a date of 0 tokens has no rows."""
        return self.of("new", *tokens, **more)

    def of(self, report: str, *tokens: int, first: date = D1, **more: Any) -> Outcome:
        rows, bill = [], []
        for number, count in enumerate(tokens):
            day = first + number * DAY
            if count:
                rows += [used(day, f"{report}-a", count - 1), used(day, f"{report}-b", 1)]
                bill += [charged(day, report, Decimal(count))]
        return self.load(rows, first, first + (len(tokens) - 1) * DAY, cost=bill, report=report, **more)


@pytest.fixture
def books(engine: Engine) -> Books:
    name = f"books{next(_numbers)}"
    register(engine, name, "fireworks", name, "UTC", {"old": 3, "new": 3})
    return Books(engine, name)


@pytest.fixture
def record(books: Books, query: Query) -> Callable[[], list[tuple[Any, ...]]]:
    """Per date what the marts add up: tokens and money, and the reports of both."""
    return lambda: query(
        "SELECT usage_date, sum(input_tokens), string_agg(DISTINCT report, ' '),"
        " (SELECT sum(amount) FROM marts.daily_cost WHERE connection_id = %s AND usage_date = used.usage_date)"
        " FROM marts.daily_usage AS used WHERE connection_id = %s GROUP BY usage_date ORDER BY usage_date",
        books.connection_id,
        books.connection_id,
    )


@pytest.fixture
def moved(books: Books, query: Query) -> Callable[[], list[tuple[Any, ...]]]:
    return lambda: query(
        "SELECT report, usage_date, meter, old, new, cause, breakdown FROM ops.restatement WHERE connection_id = %s"
        " ORDER BY detected_at, report, usage_date, meter, old",
        books.connection_id,
    )


def test_either_order_ends_the_same_and_counts_each_date_once(
    books: Books, record: Callable[[], Any], moved: Callable[[], Any], query: Query, content: Callable[..., Any]
) -> None:
    books.old(10, 20, 30)
    books.new(10, 20, 0, fetched_at=T0 + HOUR)
    after = [(D1, 10, "new", 10), (D2, 20, "new", 20), (D3, 30, "old", 30)]
    assert record() == after
    assert moved() == []
    others = query(
        "SELECT usage_date, breakdown, sum(input_tokens) FROM ledger.usage_daily"
        " WHERE connection_id = %s AND report = 'old' GROUP BY 1, 2 ORDER BY 1",
        books.connection_id,
    )
    assert others == [(D1, "old", 10), (D2, "old", 20), (D3, "", 30)]
    before = content()
    assert books.old(10, 20, 30, fetched_at=T0 + 2 * HOUR).changed == {"usage_daily": 0, "cost_daily": 0}
    assert books.new(10, 20, 0, fetched_at=T0 + 2 * HOUR).changed == {"usage_daily": 0, "cost_daily": 0}
    assert content()["ledger.usage_daily"] == before["ledger.usage_daily"]
    assert content()["ledger.cost_daily"] == before["ledger.cost_daily"]
    reversed_books = Books(books.engine, books.connection_id + "_reversed")
    register(books.engine, reversed_books.connection_id, "fireworks", reversed_books.connection_id, "UTC", {})
    reversed_books.new(10, 20, 0, fetched_at=T0 + HOUR)
    reversed_books.old(10, 20, 30)
    same = [
        query(
            "SELECT usage_date, report, row_key, breakdown, input_tokens FROM ledger.usage_daily"
            " WHERE connection_id = %s ORDER BY 1, 2, 3",
            name,
        )
        for name in (books.connection_id, reversed_books.connection_id)
    ]
    assert same[0] == same[1]


def test_a_record_that_differs_is_restated_as_a_move_and_a_fall_is_an_event(
    books: Books, record: Callable[[], Any], moved: Callable[[], Any], query: Query
) -> None:
    books.old(10, 20)
    books.new(0, 0, fetched_at=T0 + HOUR)
    books.new(11, 15, fetched_at=T0 + 2 * HOUR)
    assert record() == [(D1, 11, "new", 11), (D2, 15, "new", 15)]
    assert moved() == [
        ("new", D1, "amount", 10, 11, "record", ""),
        ("new", D1, "input_tokens", 10, 11, "record", ""),
        ("new", D2, "amount", 20, 15, "record", ""),
        ("new", D2, "input_tokens", 20, 15, "record", ""),
    ]
    events = query(
        "SELECT message FROM ops.event WHERE connection_id = %s AND kind = 'figures_dropped' ORDER BY message",
        books.connection_id,
    )
    assert events == [
        (f"{D2} fell, now that new is the record: amount USD from 20 to 15",),
        (f"{D2} fell, now that new is the record: input_tokens from 20 to 15",),
    ]


def test_each_report_restates_its_own_rows_in_its_own_cut(books: Books, moved: Callable[[], Any]) -> None:
    books.old(10)
    books.new(10)
    books.old(12, fetched_at=T0 + HOUR)
    books.new(13, fetched_at=T0 + 2 * HOUR)
    assert [one for one in moved() if one[2] == "input_tokens"] == [
        ("old", D1, "input_tokens", 9, 11, "provider", "old"),
        ("new", D1, "input_tokens", 9, 12, "provider", ""),
    ]


def test_a_held_or_older_answer_of_the_preferred_report_moves_nothing(books: Books, record: Callable[[], Any]) -> None:
    books.old(10, 20)
    books.new(11, 0, fetched_at=T0 + 2 * HOUR)
    assert books.new(0, 21, fetched_at=T0 + HOUR).superseded == [D1, D2]
    assert books.new(0, 0, fetched_at=T0 + 3 * HOUR).held == [D1]
    assert record() == [(D1, 11, "new", 11), (D2, 20, "old", 20)]


def test_a_date_that_the_preferred_report_takes_back_is_the_others_again(
    books: Books, record: Callable[[], Any], moved: Callable[[], Any], query: Query
) -> None:
    books.old(10)
    books.new(10)
    books.new(0, fetched_at=T0 + HOUR)
    assert books.new(0, fetched_at=T0 + 3 * HOUR).state == "loaded"
    assert record() == [(D1, 10, "old", 10)]
    tokens = [one for one in moved() if one[2] == "input_tokens"]
    assert sorted(tokens, key=str) == [
        ("new", D1, "input_tokens", 1, None, "provider", ""),
        ("new", D1, "input_tokens", 9, None, "provider", ""),
        ("old", D1, "input_tokens", None, 10, "record", ""),
    ]
    [(difference,)] = query(
        "SELECT sum(difference) FROM marts.restatements WHERE connection_id = %s AND meter = 'input_tokens'"
        " AND breakdown = ''",
        books.connection_id,
    )
    assert difference == 0


def test_a_usage_type_that_the_preferred_report_lacks_stays_the_others_record(books: Books, query: Query) -> None:
    other = used(D1, "storage", 7, usage_type="storage")
    books.load([used(D1, "a", 5), other], D1)
    books.load([used(D1, "a", 5)], D1, report="new")
    rows = query(
        "SELECT report, usage_type, breakdown FROM ledger.usage_daily WHERE connection_id = %s ORDER BY 1, 2",
        books.connection_id,
    )
    assert rows == [("new", "serverless", ""), ("old", "serverless", "old"), ("old", "storage", "")]


@pytest.mark.parametrize(("locked", "waiting"), [("new", "old"), ("old", "new")])
def test_a_load_waits_for_the_one_that_decides_with_it(books: Books, locked: str, waiting: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction(books.engine) as cursor:
            cursor.execute(statement("load/lock"), {"connection_id": books.connection_id, "report": locked})
            load = pool.submit(books.of, waiting, 10)
            with pytest.raises(TimeoutError):
                load.result(timeout=0.5)
        assert load.result(timeout=30).state == "loaded"


def test_loads_of_both_at_once_neither_block_nor_count_twice(books: Books, record: Callable[[], Any]) -> None:
    with ThreadPoolExecutor(4) as pool:
        loading = [
            pool.submit(load, *(count + turn % 2 for count in (10, 20, 30)), fetched_at=T0 + turn * HOUR)
            for turn in range(12)
            for load in (books.old, books.new)
        ]
        for one in loading:
            one.result()
    assert record() == [(D1, 11, "new", 11), (D2, 21, "new", 21), (D3, 31, "new", 31)]


def test_a_month_of_two_records_is_whole_in_neither_row(books: Books, query: Query) -> None:
    days = [10] * 30
    books.old(*days, fetched_at=T0 + 60 * DAY)
    spend = "SELECT report, amount, whole FROM marts.monthly_spend WHERE connection_id = %s ORDER BY report"
    assert query(spend, books.connection_id) == [("old", 300, True)]
    books.new(*[10] * 20, *[0] * 10, fetched_at=T0 + 61 * DAY)
    assert query(spend, books.connection_id) == [("new", 200, False), ("old", 100, False)]
    books.new(*days, fetched_at=T0 + 62 * DAY)
    assert query(spend, books.connection_id) == [("new", 300, True)]
