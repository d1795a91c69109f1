"""A month that is hard to check is clean, and each fault that is put into it is named."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from kit.second_month import FIRST, LAST, Fault, faults, fill_second_month, outcome_of, write_prices
from sqlalchemy import Engine

from usage_ledger.money.prices import apply_prices

FAULTS = list(faults())
ROUNDING = Decimal("0.000001")
"""What a month of lines that are cut to nanodollars may come to."""


@pytest.fixture(scope="module")
def month(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The ledger of the month, with its price book."""
    folder = tmp_path_factory.mktemp("month")
    write_prices(folder / "prices")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("USAGE_LEDGER_PRICES", str(folder / "prices"))
        fill_second_month(engine, folder / "raw")
        apply_prices(engine)
        yield engine


@pytest.fixture
def cursor(month: Engine) -> Iterator[Any]:
    with closing(month.raw_connection()) as connection:
        yield connection.driver_connection.cursor()
        connection.rollback()


def test_every_settled_day_is_reconciled_or_explained(cursor: Any) -> None:
    cursor.execute("SELECT usage_date, verdict, blame FROM marts.day_verdicts ORDER BY usage_date")
    days = {day: (verdict, blame) for day, verdict, blame in cursor.fetchall()}
    assert len(days) == (LAST - FIRST).days + 1
    assert {day: found for day, found in days.items() if found[0] not in ("reconciled", "explained")} == {}
    mondays = {day for day, (verdict, _) in days.items() if verdict == "explained"}
    assert mondays == {day for day in days if day.weekday() == 0}
    assert "priority" in days[date(2026, 11, 16)][1][0]["cause"]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_is_named(cursor: Any, fault: Fault) -> None:
    outcome = outcome_of(cursor, fault)
    line, cause = outcome.blame
    assert outcome.verdicts.get(fault.verdict, 0) > 0, outcome
    if fault.cause:
        assert fault.cause in cause, outcome
        assert fault.line.lower() in line.lower(), outcome
    assert bool(outcome.conflicts) or not fault.conflict, outcome
    if fault.verdict == "reconciled":
        assert set(outcome.verdicts) <= {"reconciled", "explained"}
    assert (abs(outcome.residual) > ROUNDING) == (fault.verdict == "out_of_bounds"), outcome
