"""The list of connections: those that need a person first, with a filter and pages."""

from collections import Counter
from collections.abc import Collection, Mapping

from usage_ledger.page.reader import Reader, Row
from usage_ledger.page.render import render
from usage_ledger.page.schedule import Schedule

STATES = ("failing", "held", "behind", "new", "ok", "retired")
PER_PAGE = 50


def hidden_connections(reader: Reader, ids: Collection[str]) -> int:
    """How many living connections there are beside `ids`: those that the person may not see."""
    rows = reader.rows("connections", {})
    return sum(row["retired_at"] is None and row["connection_id"] not in ids for row in rows)


def chosen_connections(reader: Reader, ids: Collection[str], text: str = "", state: str = "") -> list[Row]:
    """The connections that hold the text in id, vendor or account, and are in the state; the sickest first."""
    needle = text.strip().casefold()
    return [
        row
        for row in reader.rows("connections", {})
        if row["connection_id"] in ids
        and state in ("", row["state"])
        and any(needle in str(row[name]).casefold() for name in ("connection_id", "provider", "account_id"))
    ]


def connections_html(
    reader: Reader,
    ids: Collection[str],
    schedules: Mapping[str, Schedule],
    *,
    text: str = "",
    state: str = "",
    page: int = 1,
) -> str:
    """The list of the connections `ids`; `schedules` has Airflow's facts by connection, as far as they are had."""
    everything = reader.rows("connections", {})
    in_ledger = {row["connection_id"] for row in everything}
    rows = chosen_connections(reader, ids, text, state)
    page, pages = place_of(rows, page)
    unloaded = sorted(set(ids) - in_ledger) if not text and not state and page == 1 else []
    return render(
        "connections.html",
        view="connections",
        rows=page_of(rows, page),
        schedules=schedules,
        counts=Counter(row["state"] for row in everything if row["connection_id"] in ids),
        states=STATES,
        hidden=hidden_connections(reader, ids),
        unloaded=unloaded,
        text=text,
        chosen=state,
        page=page,
        pages=pages,
        matches=len(rows),
    )


def place_of(rows: list[Row], page: int) -> tuple[int, int]:
    """The page that is shown, at most the last one, and how many there are."""
    pages = max(1, -(-len(rows) // PER_PAGE))
    return min(max(page, 1), pages), pages


def page_of(rows: list[Row], page: int) -> list[Row]:
    """The rows of a page, counted from 1; of the last one for a number beyond it."""
    page, _ = place_of(rows, page)
    return rows[(page - 1) * PER_PAGE : page * PER_PAGE]
