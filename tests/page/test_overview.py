"""The overview and the panel show what the marts hold, of the connections that a person may see, and nothing else."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from kit.filled_ledger import fill_ledger
from kit.page_client import page_client
from sqlalchemy import Engine

from usage_ledger.core.project import SQL
from usage_ledger.page.chart import Value, bars
from usage_ledger.page.overview import CARDS
from usage_ledger.page.render import ago, money, number, percent

FIRST, LAST, NOW = date(2026, 11, 16), date(2026, 11, 19), date(2026, 11, 20)
IDS = ("fireworks_demo", "openai_demo", "google_vertex_ai_demo")
SEEN = IDS[:2]


@pytest.fixture(scope="module")
def ledger(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    providers = [name.removesuffix("_demo") for name in IDS]
    fill_ledger(engine, tmp_path_factory.mktemp("raw"), FIRST, LAST, providers=providers)
    return engine


@pytest.fixture
def client(ledger: Engine) -> Iterator[TestClient]:
    with page_client(ledger, SEEN, NOW) as made:
        yield made


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def test_every_card_answers_for_each_set_of_connections(ledger: Engine) -> None:
    for ids in ((), SEEN, (*IDS, "has_nothing")):
        with page_client(ledger, ids, NOW) as client:
            for path in ("/overview", "/panel", *(f"/card/{name}" for name in CARDS)):
                answer = client.get(path)
                assert answer.status_code == 200, (path, answer.text)
                assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_the_overview_asks_for_every_card(client: TestClient) -> None:
    cards = re.findall(r'data-fragment="usage-ledger/card/(\w+)"', client.get("/overview").text)
    assert sorted(cards) == sorted(CARDS)


def test_this_month_is_the_month_of_the_bill(client: TestClient, query: Any) -> None:
    rows = query(
        "SELECT currency, basis, sum(amount), sum(forecast) FROM marts.monthly_spend"
        " WHERE connection_id = ANY (%s) AND month = %s GROUP BY 1, 2",
        list(SEEN),
        date(2026, 11, 1),
    )
    shown = text_of(client.get("/card/months").text)
    assert {row[0] for row in rows} == {"USD"}
    for currency, basis, amount, forecast in rows:
        assert f"{currency}, {basis} {money(amount, currency)} Forecast {money(forecast, currency)}" in shown
    assert "November 2026 to date" in shown
    assert f"{(LAST - FIRST).days + 1} of 30 days loaded" in shown


def test_a_currency_of_its_own_is_never_added(ledger: Engine, query: Any) -> None:
    with page_client(ledger, IDS, NOW) as client:
        shown = text_of(client.get("/card/months").text)
    euros = query("SELECT sum(amount) FROM marts.daily_cost WHERE currency = 'EUR'")[0][0]
    assert money(euros, "EUR") in shown


def test_the_bars_are_the_days_of_the_bill(client: TestClient, query: Any) -> None:
    query("UPDATE ops.day SET settled = usage_date < %s WHERE true RETURNING 1", LAST)
    html = client.get("/card/spend").text
    rows = query(
        "SELECT usage_date, connection_id, sum(amount), bool_and(settled) FROM marts.daily_cost"
        " WHERE connection_id = ANY (%s) GROUP BY 1, 2",
        list(SEEN),
    )
    titles = re.findall(r"<title>(\S+) (\S+): \S+ USD(, may still change)?</title>", html)
    bars_of = {(date.fromisoformat(day), name, not still_open) for day, name, still_open in titles}
    assert bars_of == {(day, name, settled) for day, name, amount, settled in rows if amount > 0}
    assert {settled for *_, settled in bars_of} == {True, False}
    total = sum((row[2] for row in rows), Decimal())
    assert money(total, "USD") in text_of(html)


def test_tokens_are_those_that_were_metered(client: TestClient, query: Any) -> None:
    [[total]] = query(
        "SELECT sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) FROM marts.daily_usage"
        " WHERE connection_id = ANY (%s)",
        list(SEEN),
    )
    assert f"{number(total)} in all" in text_of(client.get("/card/tokens").text)


def test_who_may_not_see_a_connection_sees_no_figure_of_it_and_is_told(client: TestClient) -> None:
    pages = [client.get(path).text for path in ("/overview", "/panel", *(f"/card/{name}" for name in CARDS))]
    assert not [page for page in pages if "google" in page or "EUR" in page]
    assert "1 more, whose Dags you may not read, are in no figure here." in text_of(client.get("/card/attention").text)


def test_a_finding_about_another_connection_is_not_shown(ledger: Engine, query: Any) -> None:
    hostile = "<script>alert(1)</script> ' \" -- {{ 7*7 }}"
    for name in (*IDS, "a_team"):
        query(
            "INSERT INTO ops.alert (kind, name, period, level, message) VALUES ('anomaly', %s, %s, 'high', %s)"
            " RETURNING 1",
            name,
            LAST,
            f"{name} cost {hostile}",
        )
    with page_client(ledger, SEEN, NOW) as client:
        html = client.get("/card/findings").text + client.get("/panel").text
    assert "google_vertex_ai_demo" not in html
    assert "a_team" not in html
    assert "<script" not in html
    assert f"fireworks_demo cost {hostile}" in unescape(html)
    with page_client(ledger, IDS, NOW) as client:
        assert "a_team cost" in client.get("/card/findings").text


def test_money_shows_cents_and_what_is_less() -> None:
    shown = [money(Decimal(text), "USD") for text in ("0", "0.004", "-0.004", "1234.565", "-5.1")]
    assert shown == ["0.00 USD", "< 0.01 USD", "> -0.01 USD", "1,234.56 USD", "-5.10 USD"]
    assert [money(None, "USD"), number(None), percent(None), ago(None)] == ["–", "–", "–", "never"]
    assert number(Decimal("12345678901234567890.5")) == "12,345,678,901,234,567,890.5"
    assert ago(datetime.now(UTC)) == "just now"


def test_small_series_are_drawn_as_one_and_none_is_lost() -> None:
    day = date(2026, 11, 1)
    values = [Value(day, f"c{number:02}", Decimal(number)) for number in range(1, 21)]
    chart = bars(values, day, day)
    assert chart.total == sum(range(1, 21))
    assert [name for name, _ in chart.legend] == [f"c{number:02}" for number in range(20, 12, -1)] + ["(others)"]
    assert dict(chart.legend)["c13"] == "ul-s0"
    heights = [Decimal(part.height) for part in chart.parts]
    others = heights[-1] / sum(heights)
    assert abs(others - Decimal(sum(range(1, 13))) / sum(range(1, 21))) < Decimal("0.001")
    assert min(Decimal(part.y) for part in chart.parts) >= 0


def test_a_chart_of_nothing_or_of_credits_alone_has_no_bar() -> None:
    day = date(2026, 11, 1)
    assert bars([], day, day).parts == ()
    assert bars([Value(day, "a", Decimal(-3))], day, day).parts == ()


@pytest.mark.parametrize("path", sorted((SQL / "page").glob("*.sql")), ids=lambda path: path.stem)
def test_a_page_reads_marts_alone(path: Path) -> None:
    assert not re.search(r"\b(ledger|ops|pg_catalog|information_schema)\.", path.read_text(encoding="utf-8"))
