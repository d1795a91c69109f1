"""The marts that answer without a join, on small ledgers written by hand: dates, names, prices by the token."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from kit.fact_rows import DAY, add_line, add_row, add_use
from sqlalchemy import Engine

from usage_ledger.money.owners import apply_owners
from usage_ledger.warehouse.engine import transaction

Query = Callable[..., list[tuple[Any, ...]]]
MARCH = date(2026, 3, 1)
HOSTILE = [
    "O'Brien; DROP SCHEMA marts CASCADE; --",
    '<img src=x onerror="alert(1)">',
    '=HYPERLINK("http://x","y")',
    "{{ 7 * 7 }} ${7} %s %(x)s {0}",
    "\u202egnidliub \U0001f9fe\u200b\u0301 \t\n end",
    "ключ 鍵 مفتاح",
    " spaces around ",
]


@pytest.fixture(autouse=True)
def _emptied(engine: Engine) -> Iterator[None]:
    with transaction(engine) as cursor:
        cursor.execute("INSERT INTO ops.connection VALUES ('acme', 'fireworks', 'acme', 'UTC')")
        cursor.execute("INSERT INTO ops.connection_report (connection_id, report) VALUES ('acme', 'cost')")
    yield
    with transaction(engine) as cursor:
        cursor.execute(
            "TRUNCATE ledger.usage_daily, ledger.cost_daily, ledger.name, ledger.model, ledger.team, ledger.owner_rule,"
            " ops.day, ops.connection, ops.connection_report, ops.restatement"
        )


@pytest.fixture
def change(engine: Engine) -> Callable[..., None]:
    def run(text: str, *values: Any) -> None:
        with transaction(engine) as cursor:
            cursor.execute(text, values)

    return run


def name(
    change: Any, text: str, *, of: str = "k1", kind: str = "api_key", since: date = DAY, until: Any = None
) -> None:
    change(
        "INSERT INTO ledger.name (connection_id, kind, id, name, valid_from, valid_to)"
        " VALUES ('acme', %s, %s, %s, %s, %s)",
        kind, of, text, since, until,
    )  # fmt: skip


def test_the_forecast_is_what_days_of_its_kind_cost(engine: Engine, change: Any, query: Query) -> None:
    amounts = {MARCH + timedelta(number): Decimal(number * number % 17) + Decimal("0.25") for number in range(20)}
    for day, amount in amounts.items():
        add_line(engine, amount + 1, usage_date=day)
        add_line(engine, -1, usage_date=day, charge_category="Credit")
    empty, open_day, failed = MARCH + timedelta(4), MARCH + timedelta(18), MARCH + timedelta(11)
    change("DELETE FROM ledger.cost_daily WHERE usage_date IN (%s, %s)", empty, failed)
    change("UPDATE ops.day SET state = 'failed', settled = false WHERE usage_date = %s", failed)
    change("UPDATE ops.day SET settled = false WHERE usage_date = %s", open_day)
    amounts[empty] = Decimal(0)
    del amounts[failed]
    settled = {day: amount for day, amount in amounts.items() if day != open_day}
    typical = {
        weekend: median(amount for day, amount in settled.items() if (day.weekday() > 4) is weekend)
        for weekend in (True, False)
    }
    lacking = [day for day in (MARCH + timedelta(number) for number in range(31)) if day not in amounts]
    assert {day.weekday() > 4 for day in lacking} == {True, False}
    expected = sum(amounts.values()) + sum(typical[day.weekday() > 4] for day in lacking)
    assert query("SELECT amount, credits, forecast, loaded_days, settled_days, days FROM marts.monthly_spend") == [
        (sum(amounts.values()), -18, expected, 19, 18, 31)
    ]


def test_the_forecast_reads_the_28_newest_settled_days_since_the_first_charge(
    engine: Engine, change: Any, query: Query
) -> None:
    for number in range(10):  # settled, before anything was charged
        change(
            "INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state, settled)"
            " VALUES ('acme', 'cost', %s, 'UTC', 'empty', true)", date(2026, 1, 1) + timedelta(number)
        )  # fmt: skip
    for number in range(60):  # from 11 January to 11 March: older amounts are others
        add_line(engine, 100 if number < 32 else 3, usage_date=date(2026, 1, 11) + timedelta(number))
    forecasts = dict(query("SELECT month, forecast FROM marts.monthly_spend"))
    assert forecasts[MARCH] == 31 * 3
    assert forecasts[date(2026, 2, 1)] == 11 * 100 + 17 * 3  # whole: nothing to forecast
    change("UPDATE ops.day SET settled = false")
    assert dict(query("SELECT month, forecast IS NULL FROM marts.monthly_spend"))[MARCH] is True
    change("UPDATE ops.connection SET retired_at = now()")
    assert query("SELECT DISTINCT forecast, days FROM marts.monthly_spend") == [(None, None)]


def test_a_date_stands_beside_the_same_day_of_the_week_before(engine: Engine, change: Any, query: Query) -> None:
    add_line(engine, "1.50", usage_date=DAY)
    add_line(engine, 2, usage_date=DAY - timedelta(7))
    add_line(engine, 9, usage_date=DAY - timedelta(7), currency="EUR")
    add_line(engine, 8, usage_date=DAY - timedelta(1))
    add_line(engine, 77, usage_date=DAY, breakdown="user")
    change("UPDATE ops.day SET settled = false WHERE usage_date = %s", DAY)
    rows = query(
        "SELECT usage_date, currency, amount::text, week_before, difference, ratio, settled"
        " FROM marts.spend_beside_last_week WHERE usage_date >= %s ORDER BY 1, 2", DAY - timedelta(1)
    )  # fmt: skip
    assert rows == [
        (DAY - timedelta(1), "USD", "8", None, None, None, True),
        (DAY, "EUR", "0", 9, -9, 0, False),
        (DAY, "USD", "1.5", 2, Decimal("-0.5"), Decimal("0.75"), False),
    ]


@pytest.mark.parametrize("mart", ["spend_attribution", "usage_attribution", "daily_cost_by_api_key"])
def test_a_key_renamed_within_the_month_keeps_one_row_a_day(
    engine: Engine, change: Any, query: Query, mart: str
) -> None:
    days = [DAY - timedelta(4), DAY, DAY + timedelta(1)]
    for day in days:
        add_use(engine, usage_date=day, api_key_id="k1", output_tokens=5)
        add_line(engine, 3, usage_date=day)
    name(change, "old", since=DAY - timedelta(1), until=DAY + timedelta(1))
    name(change, "new", since=DAY + timedelta(1))
    rows = query(f"SELECT usage_date, api_key_name FROM marts.{mart} ORDER BY 1")
    assert rows == list(zip(days, ["old", "old", "new"], strict=True))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_come_through_unchanged(engine: Engine, change: Any, query: Query, text: str) -> None:
    ids = {"project": "p1", "api_key": "k1", "user": "u1", "model": "glm"}
    for kind, of in ids.items():
        name(change, text, kind=kind, of=of)
    add_use(engine, project_id="p1", api_key_id="k1", user_id="u1", output_tokens=5)
    add_use(engine, api_key_id="k1", user_id="u1", output_tokens=5, breakdown="actor")
    add_line(engine, 3, project_id="p1", api_key_id="k1", user_id="u1")
    labels = "project_name, api_key_name, user_name, model_name"
    for mart in ("spend_attribution", "usage_attribution"):
        assert query(f"SELECT {labels} FROM marts.{mart}") == [(text,) * 4]
    assert query("SELECT api_key_name FROM marts.daily_cost_by_api_key") == [(text,)]
    assert query("SELECT model_name FROM marts.daily_cost_by_model") == [(text,)]
    for mart, label in (("user_cut", "user_name"), ("api_key_cut", "api_key_name")):
        assert query(f"SELECT {label} FROM marts.{mart}") == [(text,)]


def test_a_name_of_nothing_is_no_empty_label(engine: Engine, change: Any, query: Query) -> None:
    add_use(engine, api_key_id="k1", output_tokens=5)
    add_line(engine, 3, model="", meter="")
    name(change, " \t")
    assert query("SELECT api_key_name, user_name, model_name, team_name FROM marts.spend_attribution") == [
        ("(no key)", "(no user)", "(no model)", "(no team)")
    ]
    assert query("SELECT api_key_name FROM marts.usage_attribution") == [("(unnamed)",)]


def price(query: Query) -> Any:
    ((found,),) = query(
        "SELECT cost_per_million_tokens FROM marts.daily_cost_by_model WHERE model = 'glm' AND currency = 'USD'"
    )
    return found


def test_a_million_tokens_cost_what_is_charged_for_them(engine: Engine, query: Query) -> None:
    add_use(engine, input_tokens=1000, cached_input_tokens=400, output_tokens=500)
    add_line(engine, 3, meter="output_tokens")
    add_line(engine, 1, meter="uncached_input_tokens")
    assert price(query) is None  # the cached part is not charged
    add_line(engine, "0.5", meter="cached_input_tokens")
    assert price(query) == 3000
    add_line(engine, 7, meter="web_searches")
    add_line(engine, -1, meter="", charge_category="Credit")
    assert price(query) == 3000
    assert query("SELECT amount FROM marts.daily_cost_by_model") == [(Decimal("10.5"),)]
    add_line(engine, 2, meter="audio_output_tokens")
    assert price(query) == Decimal("4333.333333333333")  # which the output includes
    add_line(engine, 2, meter="output_tokens", currency="EUR")
    assert price(query) is None
    tokens = "SELECT currency, input_tokens, output_tokens FROM marts.daily_cost_by_model ORDER BY 1"
    assert query(tokens) == [("EUR", 1000, 500), ("USD", None, None)]


@pytest.mark.parametrize(
    ("use", "line"),
    [
        ({"output_tokens": 500, "byok_requests": 1, "requests": 9}, {}),
        ({"output_tokens": 500, "breakdown": "utc_day"}, {}),
        ({"input_tokens": 500}, {}),
        ({}, {"meter": "training_tokens"}),
        ({"images": 5}, {"meter": "images"}),
    ],
)
def test_other_use_has_no_price_by_the_token(
    engine: Engine, query: Query, use: dict[str, Any], line: dict[str, Any]
) -> None:
    if "images" not in use:
        add_use(engine, output_tokens=500)
    if use:
        add_use(engine, **use)
    add_line(engine, 3, **line)
    assert price(query) is None


def test_use_that_nothing_charges_for_has_a_row_without_an_amount(engine: Engine, query: Query) -> None:
    add_use(engine, api_key_id="k1", output_tokens=500)
    for mart in ("daily_cost_by_model", "daily_cost_by_api_key"):
        assert query(f"SELECT currency, amount, output_tokens FROM marts.{mart}") == [("", None, 500)]


def test_models_that_bill_and_usage_spell_differently_are_one_row(engine: Engine, change: Any, query: Query) -> None:
    change("INSERT INTO ledger.model VALUES ('fireworks', 'gpt 4.1', 'gpt-4-1'), ('fireworks', 'gpt-4.1', 'gpt-4-1')")
    add_use(engine, model="gpt-4.1", output_tokens=500)
    add_line(engine, 3, model="gpt 4.1")
    assert query(
        "SELECT model, model_name, amount, output_tokens, cost_per_million_tokens FROM marts.daily_cost_by_model"
    ) == [("gpt 4.1", "gpt 4.1", 3, 500, 6000)]


def test_a_key_of_several_teams_says_so(engine: Engine, tmp_path: Path, query: Query) -> None:
    for tag in ("a", "b"):
        add_use(engine, api_key_id="k1", tag_team=tag, output_tokens=5)
    add_use(engine, api_key_id="k2", tag_team="a", output_tokens=5)
    add_line(engine, 3)
    path = tmp_path / "owners.yaml"
    path.write_text("teams: {ads: {}, ml: {}}\nowners:\n- {tag_team: a, team: ads}\n- {tag_team: b, team: ml}\n")
    apply_owners(engine, path)
    assert query("SELECT api_key_id, team_name, amount FROM marts.daily_cost_by_api_key ORDER BY 1") == [
        ("k1", "(several teams)", 2),
        ("k2", "ads", 1),
    ]


def test_cuts_are_never_records_and_keep_their_rest(engine: Engine, query: Query) -> None:
    add_use(engine, user_id="u1", api_key_id="k1", output_tokens=1)
    for user in ("u1", "u2", ""):
        add_use(engine, user_id=user, output_tokens=5, breakdown="user", report="by_user")
    add_use(engine, api_key_id="k9", output_tokens=8, breakdown="utc_day")
    add_use(engine, output_tokens=8, breakdown="points", report="points")
    add_row(
        engine,
        "cost_daily",
        report="by_user",
        breakdown="user",
        user_id="u2",
        amount=2,
        currency="USD",
        basis="estimated",
    )
    assert query(
        "SELECT user_id, user_name, currency, cut_output_tokens, cut_amount FROM marts.user_cut ORDER BY 1"
    ) == [("", "(no user)", "", 5, None), ("u1", "(unnamed)", "", 5, None), ("u2", "(unnamed)", "USD", 5, 2)]
    assert query("SELECT * FROM marts.api_key_cut") == []
