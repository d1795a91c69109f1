"""The first view: what was spent and used, by which connections, and what needs a person."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from usage_ledger.page.chart import MOST_SERIES, OTHERS, Chart, Value, bars
from usage_ledger.page.connections import chosen_connections, hidden_connections
from usage_ledger.page.reader import Reader, Row
from usage_ledger.page.render import render

DAYS = 31
"""How many days the charts show, up to yesterday."""
PANEL_DAYS = 14
NEEDS_PERSON = ("failing", "held", "behind")
MOST_CONNECTIONS = 20


def overview_html() -> str:
    """The frame of the view; its cards ask the warehouse by themselves."""
    return render("overview.html", view="overview")


def card_html(name: str, reader: Reader, ids: Collection[str], today: date) -> str:
    """One card of the overview, of the connections `ids`. KeyError for a card that is none."""
    return CARDS[name](reader, ids, today)


def panel_html(reader: Reader, ids: Collection[str], today: date) -> str:
    """What Airflow's home shows: today's findings and the spend of the last two weeks."""
    alerts = _alerts(reader, ids)
    return render(
        "panel.html",
        months=_months(reader, ids, today),
        charts=_spend(reader, ids, today, PANEL_DAYS),
        alerts=alerts[:3],
        more=len(alerts[3:]),
        ill=[row for row in chosen_connections(reader, ids) if row["state"] in NEEDS_PERSON],
    )


def _months_card(reader: Reader, ids: Collection[str], today: date) -> str:
    return render("card_months.html", months=_months(reader, ids, today), month=_month(today))


def _spend_card(reader: Reader, ids: Collection[str], today: date) -> str:
    return render("card_spend.html", charts=_spend(reader, ids, today, DAYS), days=DAYS)


def _tokens_card(reader: Reader, ids: Collection[str], today: date) -> str:
    first, last = _span(today, DAYS)
    values = [_value(row) for row in reader.rows("token_days", _days(ids, first, last))]
    return render("card_tokens.html", chart=bars(values, first, last) if values else None, days=DAYS)


def _attention_card(reader: Reader, ids: Collection[str], _: date) -> str:
    rows = chosen_connections(reader, ids)
    states: dict[str, int] = defaultdict(int)
    for row in rows:
        states[row["state"]] += 1
    ill = [row for row in rows if row["state"] in NEEDS_PERSON]
    return render(
        "card_attention.html",
        ill=ill[:MOST_CONNECTIONS],
        more=len(ill[MOST_CONNECTIONS:]),
        states=dict(states),
        hidden=hidden_connections(reader, ids),
    )


def _findings_card(reader: Reader, ids: Collection[str], _: date) -> str:
    return render("card_findings.html", alerts=_alerts(reader, ids))


def _unallocated_card(reader: Reader, ids: Collection[str], today: date) -> str:
    rows = reader.rows("unallocated", {"ids": ids, "month": _month(today)})
    shares = [row | {"share": _share(row)} for row in rows]
    return render("card_unallocated.html", rows=shares, month=_month(today))


CARDS = {
    "months": _months_card,
    "spend": _spend_card,
    "tokens": _tokens_card,
    "attention": _attention_card,
    "findings": _findings_card,
    "unallocated": _unallocated_card,
}


def _share(row: Row) -> Decimal | None:
    total: Decimal = row["total"]
    return (row["no_owner"] + row["unallocated"]) / total if total else None


def _month(day: date) -> date:
    """The month of the newest day that can be over: on its first day, a month has none."""
    return (day - timedelta(days=1)).replace(day=1)


def _months(reader: Reader, ids: Collection[str], today: date) -> list[dict[str, Row | None]]:
    """This month and the last one side by side, of each currency and basis that has either."""
    month = _month(today)
    before = (month - timedelta(days=1)).replace(day=1)
    # One month a statement: the forecast of a month that is over costs as much again.
    halves = [
        {(row["currency"], row["basis"]): row for row in reader.rows("month", {"ids": ids, "month": first})}
        for first in (month, before)
    ]
    kinds = dict.fromkeys([*halves[0], *halves[1]])
    return [{"now": halves[0].get(kind), "before": halves[1].get(kind)} for kind in kinds]


def _span(today: date, days: int) -> tuple[date, date]:
    last = today - timedelta(days=1)
    return last - timedelta(days=days - 1), last


def _spend(reader: Reader, ids: Collection[str], today: date, days: int) -> list[dict[str, Any]]:
    """A chart for each currency, the largest first."""
    first, last = _span(today, days)
    values: dict[str, list[Value]] = defaultdict(list)
    for row in reader.rows("spend_days", _days(ids, first, last)):
        values[row["currency"]].append(_value(row))
    charts: list[tuple[str, Chart]] = [(code, bars(of, first, last, f" {code}")) for code, of in values.items()]
    charts.sort(key=lambda pair: (-pair[1].total, pair[0]))
    return [{"currency": code, "chart": chart} for code, chart in charts]


def _days(ids: Collection[str], first: date, last: date) -> dict[str, Any]:
    return {"ids": ids, "first": first, "last": last, "most": MOST_SERIES, "others": OTHERS}


def _value(row: Row) -> Value:
    return Value(row["usage_date"], row["series"], Decimal(row["amount"]), not row["settled"])


def _alerts(reader: Reader, ids: Collection[str]) -> list[Row]:
    """What lasts; about teams and budgets only for a person who may see every connection."""
    return reader.rows("alerts", {"ids": ids, "all": not hidden_connections(reader, ids)})
