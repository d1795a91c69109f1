"""The view of one connection: its state, key, reports, dates, verdicts, events, changes and runs."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from usage_ledger.page.calendar import COVERAGE, VERDICTS, Calendar, Mark, calendar
from usage_ledger.page.causes import with_causes
from usage_ledger.page.reader import Reader, Row
from usage_ledger.page.render import money, number, render
from usage_ledger.page.schedule import Schedule

DAYS = 60
"""How many days the calendars show, up to yesterday."""
RECENT = 30
"""How many days the rows are counted of."""
DIMENSIONS = (("model", "Model"), ("resource", "Resource"), ("endpoint", "Endpoint"), ("region", "Region"))


def connection_html(reader: Reader, connection_id: str, schedule: Schedule | None, *, bare: bool = False) -> str:
    """The view; its calendars and sums ask the warehouse by themselves. `bare`: without the tabs, as on its Dag.

    `schedule` is None where Airflow's own facts cannot be had.
    """
    rows = reader.rows("connection", {"id": connection_id})
    reports = reader.rows("connection_reports", {"id": connection_id})
    return render(
        "connection.html",
        view="connections",
        bare=bare,
        id=connection_id,
        row=rows[0] if rows else None,
        reports=[row | {"next": schedule and schedule.next_attempt(row["report"])} for row in reports],
        schedule=schedule,
        why=_why(rows[0]) if rows else "",
        events=with_causes(reader.rows("connection_events", {"id": connection_id})),
    )


def connection_card_html(name: str, reader: Reader, connection_id: str, today: date) -> str:
    """One card of the view. KeyError for a card that is none."""
    return CARDS[name](reader, connection_id, today)


def _why(row: Row) -> str:
    """The reason of the state, in a sentence; '' where there is nothing to say."""
    match row["state"]:
        case "failing":
            return f"Report {row['last_error_report']}: {row['last_error_message']}"
        case "held":
            return (
                f"{number(row['held_days'])} dates came back with figures that contradict the known ones; those stay. "
                "See the events for what to do about each."
            )
        case "behind":
            missing, failed = number(row["missing_days"]), number(row["failed_days"])
            if not row["last_success_at"]:
                return "Nothing was ever loaded: see the newest run's log, or trigger a run."
            return f"{missing} dates are missing and {failed} failed: fill them by a backfill or a run of those dates."
        case "new":
            return "Nothing is loaded yet: the first run fills it."
        case "retired":
            return "It loads nothing any more; what it loaded stays."
    return ""


def _dates_card(reader: Reader, connection_id: str, today: date) -> str:
    first, last = today - timedelta(DAYS), today - timedelta(1)
    rows = reader.rows("connection_dates", {"id": connection_id, "first": first})
    marks = [
        Mark(row["usage_date"], row["report"], row["state"], _more(row)) for row in rows if row["usage_date"] <= last
    ]
    gaps = reader.rows("connection_gaps", {"id": connection_id})
    return render("connection_dates.html", **_picture(marks, first, last, COVERAGE), gaps=gaps, days=DAYS)


def _more(row: Row) -> str:
    rows = "" if row["row_count"] is None else f"{number(row['row_count'])} rows"
    return rows if row["settled"] or not rows else f"{rows}, may still change"


def _verdicts_card(reader: Reader, connection_id: str, today: date) -> str:
    first, last = today - timedelta(DAYS), today - timedelta(1)
    rows = reader.rows("connection_verdicts", {"id": connection_id, "first": first})
    marks = [
        Mark(
            row["usage_date"],
            row["currency"] or "(no bill)",
            row["verdict"],
            "" if row["charged"] is None else f"charged {money(row['charged'], row['currency'])}",
        )
        for row in rows
    ]
    bad = [row for row in reversed(rows) if row["verdict"] in ("out_of_bounds", "unpriced")]
    return render("connection_verdicts.html", **_picture(marks, first, last, VERDICTS), bad=bad[:20], days=DAYS)


def _picture(marks: list[Mark], first: date, last: date, words: dict[str, tuple[str, str]]) -> dict[str, Any]:
    picture: Calendar | None = calendar(marks, first, last, words) if marks else None
    return {"calendar": picture, "first": first, "last": last}


def _rows_card(reader: Reader, connection_id: str, today: date) -> str:
    first, last = today - timedelta(RECENT), today - timedelta(1)
    rows = reader.rows("connection_rows", {"id": connection_id, "first": first, "last": last})
    tables = [
        {"name": name, "title": title, "rows": [row for row in rows if row["dimension"] == name]}
        for name, title in DIMENSIONS
    ]
    return render("connection_rows.html", tables=tables, id=connection_id, first=first, last=last, days=RECENT)


def _changes_card(reader: Reader, connection_id: str, _: date) -> str:
    values = {"id": connection_id}
    return render(
        "connection_changes.html",
        changes=reader.rows("connection_changes", values),
        lags=reader.rows("connection_lag", values),
    )


def _runs_card(reader: Reader, connection_id: str, _: date) -> str:
    return render("connection_runs.html", id=connection_id, runs=reader.rows("connection_runs", {"id": connection_id}))


CARDS: dict[str, Callable[[Reader, str, date], str]] = {
    "dates": _dates_card,
    "verdicts": _verdicts_card,
    "rows": _rows_card,
    "changes": _changes_card,
    "runs": _runs_card,
}
