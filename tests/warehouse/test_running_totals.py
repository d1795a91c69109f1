"""A vendor's running total, in two snapshots, and the rows between them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from kit.staged_loads import Desk, charged
from sqlalchemy import Engine

from usage_ledger.storage.staged import RunningTotal
from usage_ledger.warehouse.ledger import apply_load

FIRST = date(2026, 6, 1)
DAYS = [FIRST + timedelta(n) for n in range(10)]
FIELD = "data/total_usage"
Query = Callable[..., list[tuple[Any, ...]]]


class Snapshots(Desk):
    """A connection with a report `activity` of 1 dollar a day, and snapshots of its running total."""

    def fill(self, days: list[date], amount: Decimal = Decimal(1)) -> None:
        rows = [charged(day, "a", amount) for day in days]
        rows += [charged(day, "own", Decimal(7), breakdown="byok") for day in days]
        self.load([], days[0], days[-1], cost=rows, report="activity")

    def take(self, day: date, total: str, *, hour: int = 3) -> None:
        at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        load = self.incoming([], day, fetched_at=at, report="credits", has_days=False)
        totals = {FIELD: RunningTotal("activity", total)}
        apply_load(self.engine, replace(load, staged=replace_totals(load.staged, totals)))


def replace_totals(staged: Any, totals: dict[str, RunningTotal]) -> Any:
    return type(staged)(staged.load_id, staged.tables, running_totals=totals)


@pytest.fixture
def desk(engine: Engine, request: pytest.FixtureRequest) -> Snapshots:
    return Snapshots(engine, f"total_{abs(hash(request.node.name)) % 10**8}")


def compared(query: Query, desk: Desk) -> list[tuple[Any, ...]]:
    return query(
        "SELECT fetched_at::date, since::date, growth, lowest, highest, difference FROM marts.running_totals"
        " WHERE connection_id = %s AND since IS NOT NULL ORDER BY fetched_at",
        desk.connection_id,
    )


def events(query: Query, desk: Desk) -> list[tuple[str, bool]]:
    return query(
        "SELECT message, closed_at IS NULL FROM ops.event WHERE connection_id = %s AND kind = 'running_total_differs'"
        " ORDER BY at",
        desk.connection_id,
    )


def test_a_total_that_grows_by_the_rows_is_evidence_and_no_event(query: Query, desk: Snapshots) -> None:
    desk.fill(DAYS)
    desk.take(DAYS[0], "100.125")
    desk.take(DAYS[9], "109.1250000000000001")
    assert compared(query, desk) == [(DAYS[9], DAYS[0], Decimal("9.0000000000000001"), 8, 10, 0)]
    assert events(query, desk) == []


@pytest.mark.parametrize(("growth", "difference"), [("10.5", "0.5"), ("7.25", "-0.75")])
def test_a_total_that_no_rows_explain_is_one_event_until_it_agrees(
    query: Query, desk: Snapshots, growth: str, difference: str
) -> None:
    desk.fill(DAYS)
    desk.take(DAYS[0], "100")
    desk.take(DAYS[9], str(100 + Decimal(growth)))
    assert compared(query, desk)[-1][5] == Decimal(difference)
    desk.take(DAYS[9], str(100 + Decimal(growth)), hour=4)
    ((message, is_open),) = events(query, desk)
    assert is_open
    assert f"grew by {growth} from 2026-06-01 03:00 to 2026-06-10 03:00 UTC; activity has between " in message
    desk.take(DAYS[9], "109", hour=5)
    assert events(query, desk) == [(message, False)]
    assert query("SELECT DISTINCT state FROM ops.day WHERE connection_id = %s", desk.connection_id) == [("loaded",)]


def test_nothing_is_compared_while_a_day_between_is_not_loaded(query: Query, desk: Snapshots) -> None:
    desk.fill(DAYS[:5])
    desk.fill(DAYS[6:])
    desk.take(DAYS[0], "100")
    desk.take(DAYS[9], "500")
    assert compared(query, desk) == []
    desk.fill(DAYS[5:6])
    desk.take(DAYS[9] + timedelta(1), "501")  # of a day that is not over: the one before is compared
    assert [row[:3] for row in compared(query, desk)] == [(DAYS[9], DAYS[0], 400)]
    assert len(events(query, desk)) == 1


def test_a_total_that_is_late_at_midnight_differs_from_nothing(query: Query, desk: Snapshots) -> None:
    desk.fill(DAYS)
    desk.take(DAYS[1], "100", hour=0)
    desk.take(DAYS[9], "107.5", hour=0)  # half of the last day's use is not in it yet
    ((_, _, growth, lowest, highest, difference),) = compared(query, desk)
    assert (growth, lowest, highest, difference) == (Decimal("7.5"), 7, 10, 0)


def test_an_older_snapshot_that_is_loaded_again_says_nothing_of_a_newer_difference(
    query: Query, desk: Snapshots
) -> None:
    desk.fill(DAYS)
    desk.take(DAYS[0], "100")
    desk.take(DAYS[8], "108")
    desk.take(DAYS[9], "200")
    assert [is_open for _, is_open in events(query, desk)] == [True]
    desk.take(DAYS[8], "108")
    assert [is_open for _, is_open in events(query, desk)] == [True]
    desk.take(DAYS[9], "109")
    desk.take(DAYS[8], "300")
    assert [is_open for _, is_open in events(query, desk)] == [False]
