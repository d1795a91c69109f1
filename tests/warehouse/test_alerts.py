"""Budgets, anomalies and alerts over small hand-written ledgers in a real PostgreSQL."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg2.extras import execute_values
from sqlalchemy import Engine

from usage_ledger.contracts.registry import contract
from usage_ledger.money.alerts import FINDERS, deliver, evaluate
from usage_ledger.money.budgets import apply_budgets
from usage_ledger.warehouse.engine import transaction

Query = Callable[..., list[tuple[Any, ...]]]
TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BLANK = [
    name
    for name in contract("cost_daily").names("dimension")
    if name not in ("line_item", "charge_category", "currency")
]
COLUMNS = (
    *("connection_id", "report", "usage_date", "row_key", "provider", "account_id", "breakdown", "basis"),
    *("bucket_start", "bucket_end", "load_id", "line_item", "charge_category", "currency", "amount", *BLANK),
)


class Ledger:
    """Charges and days of connection `acme`, and the file of budgets."""

    def __init__(self, engine: Engine, query: Query, path: Any) -> None:
        self.engine, self.query, self.path = engine, query, path

    def charge(self, days: Sequence[date], amount: str, line: str = "a", *, settled: bool = True, **more: str) -> None:
        named = {"currency": "USD", "charge_category": "Usage"} | more
        ids = ("vendor", "acme", "", "billed", NOON, NOON, str(uuid.UUID(int=1)), line)
        values = (named["charge_category"], named["currency"], Decimal(amount), *[""] * len(BLANK))
        rows = [("acme", "cost", day, str(uuid.uuid4()), *ids, *values) for day in days]
        states = [("acme", "cost", day, "UTC", "loaded", 1, settled) for day in days]
        with transaction(self.engine) as cursor:
            for month in {day.replace(day=1) for day in days}:
                cursor.execute("SELECT ops.ensure_month('cost_daily', %s)", [month])
            execute_values(cursor, f"INSERT INTO ledger.cost_daily ({', '.join(COLUMNS)}) VALUES %s", rows)
            execute_values(
                cursor,
                "INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state, row_count, settled) VALUES %s"
                " ON CONFLICT DO NOTHING",
                states,
            )

    def budget(self, text: str) -> None:
        self.path.write_text(f"budgets:\n  - {{name: b, connection: acme, {text}}}\n", encoding="utf-8")
        apply_budgets(self.engine)

    def status(self, columns: str, month: date = date(2026, 11, 1)) -> list[tuple[Any, ...]]:
        return self.query(f"SELECT {columns} FROM marts.budget_status WHERE month = %s", month)

    def alerts(self, columns: str = "kind, name, period, level") -> list[tuple[Any, ...]]:
        return self.query(f"SELECT {columns} FROM ops.alert ORDER BY kind, name, period, level")


@pytest.fixture
def ledger(engine: Engine, query: Query, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setenv("USAGE_LEDGER_BUDGETS", str(tmp_path / "budgets.yaml"))
    yield Ledger(engine, query, tmp_path / "budgets.yaml")
    with transaction(engine) as cursor:
        cursor.execute(
            "TRUNCATE ledger.cost_daily, ledger.budget, ops.day, ops.alert, ops.event, ops.connection, ledger.team"
        )


def dates(first: date, count: int) -> list[date]:
    return [first + number * DAY for number in range(count)]


def evaluated(ledger: Ledger, today: date = TODAY) -> tuple[int, int]:
    done = evaluate(ledger.engine, today)
    assert done.failures == ()
    return done.raised, done.cleared


# Budgets


def test_a_month_is_what_was_spent_and_for_the_days_to_come_the_median_of_their_kind(ledger: Ledger) -> None:
    weekdays = [day for day in dates(date(2026, 11, 1), 19) if day.isoweekday() < 6]
    weekend = [day for day in dates(date(2026, 11, 1), 19) if day.isoweekday() > 5]
    ledger.charge(weekdays[:-1], "10")
    ledger.charge(weekend, "2")
    ledger.charge(weekdays[-1:], "7.000000000000000001", settled=False)
    ledger.budget("month: 200 USD")
    # 1 to 19 November: 14 weekdays, the last one open, and 5 weekend days. 20 to 30: 7 weekdays, 4 weekend days.
    assert (len(weekdays), len(weekend)) == (14, 5)
    columns = "currency, amount, spent_settled, spent_open, spent, newest_date, forecast, crosses_on, warned_at, state"
    assert ledger.status(columns) == [
        (
            *("USD", Decimal(200), Decimal(140), Decimal("7.000000000000000001"), Decimal("147.000000000000000001")),
            *(date(2026, 11, 19), Decimal("225.000000000000000001"), date(2026, 11, 26), None, "forecast"),
        )
    ]


def test_a_budget_says_when_it_was_crossed_and_which_share_was_reached(ledger: Ledger) -> None:
    ledger.charge(dates(date(2026, 11, 2), 5), "30")
    ledger.budget("month: 100 USD, warn_at: [50, 90, 120.5, 200]")
    assert ledger.status("share, crosses_on, warned_at, state") == [
        (Decimal(150), date(2026, 11, 5), Decimal("120.5"), "crossed")
    ]
    ledger.budget("month: 300 USD, warn_at: [50, 90], forecast: false")
    assert ledger.status("share, warned_at, state") == [(Decimal(50), Decimal(50), "warned")]


def test_money_of_another_currency_is_never_added_and_the_state_says_so(ledger: Ledger) -> None:
    ledger.charge(dates(date(2026, 11, 2), 2), "30")
    ledger.charge(dates(date(2026, 11, 2), 1), "500", currency="EUR")
    ledger.budget("month: 10000 USD, forecast: false")
    assert ledger.status("spent, other_currencies, state") == [(Decimal(60), {"EUR": 500}, "other currency")]


def test_a_team_has_what_the_rules_give_it_and_a_month_without_money_is_0(ledger: Ledger) -> None:
    ledger.charge(dates(date(2026, 11, 2), 2), "30")
    ledger.path.write_text("budgets:\n- {name: t, team: search, month: 9 USD}\n", encoding="utf-8")
    apply_budgets(ledger.engine)
    assert ledger.status("name, spent, forecast, state") == [("t", Decimal(0), None, "ok")]


def test_a_budget_begins_and_ends_with_its_months(ledger: Ledger) -> None:
    ledger.charge(dates(date(2026, 9, 15), 60), "1")
    ledger.budget("month: 9 USD, from: 2026-10, until: 2026-11")
    assert ledger.query("SELECT month FROM marts.budget_status") == [(date(2026, 10, 1),)]


# Anomalies


def usual(ledger: Ledger, *lines: str) -> None:
    """Fifty days until 17 November; 18 November is the test's."""
    for place, line in enumerate(lines):
        for number, day in enumerate(dates(date(2026, 9, 29), 50)):
            amount = Decimal(100 if day.isoweekday() < 6 else 40) + (number * 7 + place * 3) % 11
            ledger.charge([day], str(amount), line)


def score(ledger: Ledger) -> tuple[Any, ...]:
    columns = "direction, anomaly, lines, amount_score, line_score"
    return ledger.query(f"SELECT {columns} FROM marts.anomalies WHERE usage_date = '2026-11-18'")[0]


@pytest.mark.parametrize(
    ("amounts", "direction", "anomaly"),
    [
        (["105", "105", "105"], None, False),
        (["210", "210", "210"], "high", True),
        (["52", "52", "52"], "low", True),
        (["900", "105", "105"], "high", True),
        (["125", "105", "105"], None, False),
    ],
    ids=["a usual day", "all doubled", "all halved", "one line alone", "a little more"],
)
def test_a_day_is_an_anomaly_by_its_sum_or_by_all_its_lines(
    ledger: Ledger, amounts: list[str], direction: str | None, anomaly: bool
) -> None:
    usual(ledger, "a", "b", "c")
    for line, amount in zip("abc", amounts, strict=True):
        ledger.charge([date(2026, 11, 18)], amount, line)
    found = score(ledger)
    assert found[1] is anomaly
    assert direction is None or found[0] == direction
    assert found[2] == 3


def test_lines_that_double_together_are_an_anomaly_behind_a_restless_one(ledger: Ledger) -> None:
    usual(ledger, "a", "b", "c")
    for number, day in enumerate(dates(date(2026, 9, 29), 50)):
        ledger.charge([day], str((200, 500, 1400)[number % 3]), "restless")
    for line, amount in zip(("a", "b", "c", "restless"), ("210", "210", "210", "400"), strict=True):
        ledger.charge([date(2026, 11, 18)], amount, line)
    direction, anomaly, lines, amount_score, line_score = score(ledger)
    assert (direction, anomaly, lines) == ("high", True, 4)
    assert abs(amount_score) < 4 < line_score


def test_a_small_difference_an_open_day_and_a_credit_are_no_anomalies(ledger: Ledger) -> None:
    usual(ledger, "a")
    ledger.charge([date(2026, 11, 18)], "145")
    assert score(ledger)[3] is not None
    assert score(ledger)[:2] == ("high", False)  # less than 50 USD
    ledger.charge([date(2026, 11, 18)], "-900", charge_category="Credit")
    assert score(ledger)[:2] == ("high", False)
    ledger.charge([date(2026, 11, 19)], "900", settled=False)
    assert ledger.query("SELECT max(usage_date) FROM marts.anomalies") == [(date(2026, 11, 18),)]


def test_a_day_of_a_fortnight_old_ledger_has_no_score(ledger: Ledger) -> None:
    ledger.charge(dates(date(2026, 11, 4), 14), "100")
    ledger.charge([date(2026, 11, 18)], "900")
    assert score(ledger)[1:] == (False, 1, None, None)


# Alerts


def test_each_finding_is_written_once_cleared_when_it_ends_and_new_in_another_month(ledger: Ledger) -> None:
    ledger.charge(dates(date(2026, 11, 2), 3), "30")
    ledger.budget("month: 100 USD, forecast: false")
    assert evaluated(ledger) == (1, 0)
    assert evaluated(ledger) == (0, 0)
    assert ledger.alerts("kind, name, period, level, figure, expected, cleared_at") == [
        ("budget", "b", date(2026, 11, 1), "80", Decimal(90), Decimal(100), None)
    ]
    ledger.budget("month: 1000 USD, forecast: false")
    assert evaluated(ledger) == (0, 1)
    ledger.budget("month: 100 USD, forecast: false")
    assert evaluated(ledger) == (0, 0)  # the same finding of the same month
    ledger.charge(dates(date(2026, 12, 2), 3), "40")
    assert evaluated(ledger, date(2026, 12, 5)) == (1, 0)
    assert ledger.alerts("period, level, cleared_at IS NULL") == [
        (date(2026, 11, 1), "80", True),
        (date(2026, 12, 1), "100", True),
    ]
    assert evaluated(ledger, date(2027, 1, 5)) == (0, 1)  # of a month that nobody watches any more


def test_an_anomaly_an_event_and_a_failing_connection_are_findings(ledger: Ledger) -> None:
    usual(ledger, "a", "b", "c")
    ledger.charge([date(2026, 11, 18)], "900", "a")
    ledger.query(
        "INSERT INTO ops.connection (connection_id, provider, account_id, timezone, since)"
        " VALUES ('acme', 'vendor', 'acme', 'UTC', '2026-01-01') RETURNING 1"
    )
    ledger.query(
        "INSERT INTO ops.event (connection_id, usage_date, kind, severity, message, next_step)"
        " VALUES ('acme', '2026-11-17', 'bill_differs', 'error', 'the bill is 9 USD higher', 'ask') RETURNING 1"
    )
    assert evaluated(ledger) == (3, 0)
    assert ledger.alerts() == [
        ("anomaly", "acme", date(2026, 11, 18), "high"),
        ("bill_differs", "acme", date(2026, 11, 17), "error"),
        ("connection", "acme", TODAY, "behind"),
    ]
    assert evaluated(ledger, TODAY + DAY) == (0, 0)  # behind since yesterday: no new finding
    ledger.query("UPDATE ops.event SET closed_at = now() RETURNING 1")
    assert evaluated(ledger) == (0, 1)


def test_a_finder_that_fails_stops_no_other_and_clears_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.charge(dates(date(2026, 11, 2), 3), "40")
    ledger.budget("month: 100 USD")
    assert evaluate(ledger.engine, TODAY).raised >= 1
    monkeypatch.setitem(FINDERS, "budget", ("schema/drop_mart", ""))  # which the database refuses
    ledger.query(
        "INSERT INTO ops.event (connection_id, kind, severity, message) VALUES ('acme', 'bill_differs', 'error', 'no')"
        " RETURNING 1"
    )
    done = evaluate(ledger.engine, TODAY)
    assert (done.raised, done.cleared, len(done.failures)) == (1, 0, 1)
    assert {row[0] for row in ledger.alerts("cleared_at")} == {None}


def test_a_notifier_that_fails_is_tried_again_and_no_other_hears_it_twice(ledger: Ledger) -> None:
    ledger.charge(dates(date(2026, 11, 2), 3), "40")
    ledger.budget("month: 100 USD, forecast: false, notify: [mail, slack]")
    evaluate(ledger.engine, TODAY)
    sent: list[tuple[str, str]] = []
    down = {"slack"}

    def send(target: str, subject: str, text: str) -> None:
        if target in down:
            raise OSError("nobody answers")
        sent.append((target, subject))

    assert deliver(ledger.engine, ["default"], send) == ["slack was not notified of 1 alert: nobody answers"]
    assert ledger.alerts("sent_to, sent_at IS NULL") == [(["mail"], True)]
    down.clear()
    assert deliver(ledger.engine, ["default"], send) == []
    assert deliver(ledger.engine, ["default"], send) == []
    subject = "Usage Ledger: budget b of 100 USD (2026-11): 120 USD are spent, 120 %; crossed on 2026-11-04"
    assert sent == [("mail", subject), ("slack", subject)]
    assert ledger.alerts("sent_to, sent_at IS NULL") == [(["mail", "slack"], False)]
