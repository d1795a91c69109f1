"""Bills are of UTC days: use in days of another zone gives bounds, and no exact verdict."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from kit.filled_ledger import fill_ledger
from sqlalchemy import Engine

from usage_ledger.money.prices import apply_prices

FIRST, LAST = date(2026, 11, 9), date(2026, 11, 18)


@pytest.fixture(scope="module")
def month(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A connection whose days begin fourteen hours before UTC's."""
    root: Path = tmp_path_factory.mktemp("raw")
    fill_ledger(engine, root, FIRST, LAST, providers=("fireworks",), timezone="Pacific/Kiritimati")
    apply_prices(engine)
    return engine


def verdicts(query: Any) -> dict[date, str]:
    day = timedelta(days=1)
    rows = query(
        "SELECT usage_date, verdict FROM marts.day_verdicts WHERE usage_date BETWEEN %s AND %s", FIRST + day, LAST - day
    )
    return dict(rows)


def test_a_bill_within_the_use_of_three_local_days_is_no_alarm(month: Engine, query: Any) -> None:
    assert Counter(verdicts(query).values()) == {"within_bounds": 8}


def test_a_bill_beyond_the_use_of_three_local_days_is_one(month: Engine, query: Any) -> None:
    with month.begin() as transaction:
        transaction.exec_driver_sql(
            "UPDATE ledger.cost_daily SET amount = amount * 5"
            " WHERE usage_date = '2026-11-13' AND usage_type = 'dedicated'"
        )
    found = verdicts(query)
    assert found.pop(date(2026, 11, 13)) == "out_of_bounds"
    assert set(found.values()) == {"within_bounds"}
