"""Writers of many windows at once: no error, no deadlock, and no wait for one another's report."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from kit.staged_loads import DAY, Desk, used
from sqlalchemy import Engine

from usage_ledger.warehouse import loads
from usage_ledger.warehouse.engine import transaction, warehouse_engine
from usage_ledger.warehouse.ledger import apply_load

WRITERS = 8
FIRST = date(2026, 5, 31)
Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def engines(engine: Engine) -> Iterator[list[Engine]]:
    """An engine for each writer, as each task has its own."""
    made = [warehouse_engine(engine.url) for _ in range(WRITERS)]
    yield made
    for one in made:
        one.dispose()


def test_writers_of_overlapping_windows_and_new_months_never_deadlock(
    engine: Engine, engines: list[Engine], query: Query
) -> None:
    """Windows over two months that nobody has loaded before, both reports, forwards and backwards."""
    together = threading.Barrier(WRITERS)

    def write(writer: int) -> None:
        desk = Desk(engines[writer], f"crossing{writer % 2}")
        months = range(8)
        together.wait(20)
        for number in months if writer < WRITERS // 2 else reversed(months):
            first = date(2024, 1 + number, 25)
            report = f"r{writer % 4 // 2}"
            rows = [used(first + n * DAY, "a", writer, usage_type=report) for n in range(12)]
            incoming = desk.incoming(rows, first, first + 11 * DAY, report=report)
            apply_load(engines[writer], incoming)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    assert query(
        "SELECT count(*), count(DISTINCT report) FROM ledger.usage_daily WHERE connection_id ~ '^crossing'"
    ) == [(2 * 2 * 8 * 12 - repeated_dates(query), 2)]
    time.sleep(0.1)
    assert query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]


def repeated_dates(query: Query) -> int:
    """Windows of two months following each other may share dates, which count once."""
    windows = [{date(2024, 1 + number, 25) + n * DAY for n in range(12)} for number in range(8)]
    return 4 * (sum(map(len, windows)) - len(set.union(*windows)))


def test_a_month_that_many_ask_for_at_once_is_made_once(engines: list[Engine], query: Query) -> None:
    together = threading.Barrier(WRITERS)

    def ask(writer: int) -> None:
        together.wait(20)
        for month in range(1, 9):
            values = {"fact": ("usage_daily", "cost_daily")[writer % 2], "month": date(2031, month, 1 + writer)}
            loads.execute(engines[writer], "ops/ensure_month", values)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(ask, range(WRITERS)))
    made = query(
        "SELECT inhparent::regclass::text, count(*) FROM pg_inherits WHERE inhrelid::regclass::text ~ '_2031_'"
        " AND inhparent IN ('ledger.usage_daily'::regclass, 'ledger.cost_daily'::regclass) GROUP BY 1 ORDER BY 1"
    )
    assert made == [("ledger.cost_daily", 8), ("ledger.usage_daily", 8)]


def test_a_writer_waits_for_the_one_before_it_and_another_report_does_not(
    engine: Engine, engines: list[Engine]
) -> None:
    desk = Desk(engine, "queue")
    mine, other = (
        desk.incoming([used(FIRST, "a", 1, usage_type=report)], FIRST, report=report) for report in ("usage", "cost")
    )
    with ThreadPoolExecutor(1) as pool:
        with transaction(engines[0]) as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('queue/usage', 7423))")
            assert apply_load(engines[1], other).state == "loaded"
            waiting = pool.submit(apply_load, engines[2], mine)
            time.sleep(0.3)
            assert not waiting.done()
        assert waiting.result(20).state == "loaded"
