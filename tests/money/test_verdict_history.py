"""What was said of a bill: recorded when it changes, told once, and still there after a price was corrected."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kit.filled_ledger import fill_ledger
from sqlalchemy import Engine
from typer.testing import CliRunner

from usage_ledger.cli import app, context
from usage_ledger.money.prices import apply_prices
from usage_ledger.money.verdict import day_verdicts, record_verdicts
from usage_ledger.warehouse.schema import ensure_schema

ID = "fireworks_demo"
FIRST, LAST = date(2026, 11, 9), date(2026, 11, 18)
SINCE = date(2026, 11, 14)
DEARER = f"""
prices:
  - provider: fireworks
    model: accounts/fireworks/models/glm-5p3
    currency: USD
    per: 1M tokens
    from: {SINCE}
    meters: {{uncached_input_tokens: 1.50}}
"""


@pytest.fixture
def ledger(empty_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Ten days of Fireworks, compared with the bill, without a contract."""
    engine: Engine = empty_database()

    ensure_schema(engine)
    (tmp_path / "prices").mkdir()
    (tmp_path / "prices" / "contract.yaml").write_text("prices: []\n", encoding="utf-8")
    monkeypatch.setenv("USAGE_LEDGER_PRICES", str(tmp_path / "prices"))
    fill_ledger(engine, tmp_path / "raw", FIRST, LAST, providers=("fireworks",))
    apply_prices(engine)
    record_verdicts(engine)
    return engine


def rows(engine: Engine, text: str) -> list[Any]:
    with engine.begin() as transaction:
        return [tuple(row) for row in transaction.exec_driver_sql(text)]


def verdicts(engine: Engine, as_of: datetime | None = None) -> dict[date, str]:
    return {day.usage_date: day.verdict for day in day_verdicts(engine, ID, FIRST, LAST, as_of)}


def days(first: date, last: date) -> set[date]:
    return {first + timedelta(days=number) for number in range((last - first).days + 1)}


def test_nothing_new_records_nothing(ledger: Engine) -> None:
    assert set(verdicts(ledger).values()) == {"reconciled"}
    before = rows(ledger, "SELECT count(*) FROM ops.verdict")
    assert record_verdicts(ledger) == 0
    assert rows(ledger, "SELECT count(*) FROM ops.verdict") == before


def test_a_price_of_a_past_date_changes_its_days_only_and_what_was_said_stays(ledger: Engine, tmp_path: Path) -> None:
    (said,) = rows(ledger, "SELECT max(said_at) FROM ops.verdict")[0]
    (tmp_path / "prices" / "contract.yaml").write_text(DEARER, encoding="utf-8")
    apply_prices(ledger)
    assert record_verdicts(ledger) == len(days(SINCE, LAST))
    now = verdicts(ledger)
    assert {day for day, verdict in now.items() if verdict == "out_of_bounds"} == days(SINCE, LAST)
    assert {day for day, verdict in now.items() if verdict == "reconciled"} == days(FIRST, SINCE - timedelta(days=1))
    assert set(verdicts(ledger, said).values()) == {"reconciled"}
    assert len(verdicts(ledger, said)) == len(now)
    restated = rows(
        ledger, "SELECT usage_date, new - old FROM ops.restatement WHERE cause = 'price' ORDER BY usage_date"
    )
    assert {day for day, _ in restated} == days(SINCE, LAST)
    assert all(difference > Decimal() for _, difference in restated), "the contract is dearer than the list"


def test_a_difference_is_one_event_that_closes_when_it_ends(ledger: Engine) -> None:
    events = "SELECT usage_date, closed_at IS NULL FROM ops.event WHERE kind = 'bill_differs' ORDER BY at"
    dearer = (
        "UPDATE ledger.cost_daily SET amount = amount * {} WHERE usage_date >= '2026-11-16'"
        " AND category = 'LLM output tokens' RETURNING 1"
    )
    looked_at = "UPDATE ops.day SET fetched_at = clock_timestamp() RETURNING 1"
    rows(ledger, dearer.format(2))
    rows(ledger, looked_at)
    record_verdicts(ledger)
    assert rows(ledger, events) == [(date(2026, 11, 16), True)], "one for the run of three days"
    rows(ledger, looked_at)
    record_verdicts(ledger)
    assert len(rows(ledger, events)) == 1
    rows(ledger, dearer.format(0.5))
    rows(ledger, looked_at)
    record_verdicts(ledger)
    assert rows(ledger, events) == [(date(2026, 11, 16), False)]


@pytest.mark.parametrize(("last", "code"), [("2026-11-13", 0), ("2026-11-18", 3)], ids=["equal", "differs"])
def test_the_command_ends_with_3_where_a_settled_day_differs(
    ledger: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str, code: int
) -> None:
    monkeypatch.setattr(context, "command_engine", lambda: ledger)
    (tmp_path / "prices" / "contract.yaml").write_text(DEARER, encoding="utf-8")
    apply_prices(ledger)
    done = CliRunner().invoke(app, ["reconcile", ID, "--from", "2026-11-09", "--to", last])
    assert done.exit_code == code, done.output
    assert "2026-11-13  reconciled" in done.output
    assert ("unknown price for this line" in done.output) == bool(code)


def test_a_day_without_a_verdict_is_a_sentence(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "command_engine", lambda: ledger)
    done = CliRunner().invoke(app, ["reconcile", ID, "--from", "2025-01-01", "--to", "2025-01-02"])
    assert done.exit_code != 0
    assert "there is no verdict on fireworks_demo from 2025-01-01 to 2025-01-02" in str(done.exception)
