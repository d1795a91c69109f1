"""Routes of the overview, its cards, and the panel on Airflow's home."""

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse

from usage_ledger.airflow.page.access import Readable
from usage_ledger.airflow.page.asking import Marts, Today
from usage_ledger.page import overview

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/overview")
def show_overview(readable: Readable) -> str:
    """The frame of the first view."""
    return overview.overview_html()


@router.get("/card/{name}")
def show_card(name: str, readable: Readable, reader: Marts, now: Today) -> str:
    """A card of the overview."""
    if name not in overview.CARDS:
        raise HTTPException(404, "there is no such card")
    return overview.card_html(name, reader, readable, now)


@router.get("/panel")
def show_panel(readable: Readable, reader: Marts, now: Today) -> str:
    """What Airflow's home shows."""
    return overview.panel_html(reader, readable, now)
