"""Routes of the view `explore`: its page, and the same figures as a file."""

from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from usage_ledger.airflow.page.access import Readable, require
from usage_ledger.airflow.page.asking import Marts, Today
from usage_ledger.page.explore import explore_csv, explore_html
from usage_ledger.page.question import Question

router = APIRouter(default_response_class=HTMLResponse)
FILE = {"content-disposition": 'attachment; filename="usage.csv"', "x-content-type-options": "nosniff"}


@router.get("/explore")
def show_explore(request: Request, readable: Readable, reader: Marts, now: Today) -> str:
    """The page of a question."""
    return explore_html(reader, _question(request, readable, now), readable, now)


@router.get("/explore.csv", response_class=Response)
def send_explore(request: Request, readable: Readable, reader: Marts, now: Today) -> Response:
    """The figures of a question as CSV."""
    text = explore_csv(reader, _question(request, readable, now), readable)
    return Response(text, media_type="text/csv; charset=utf-8", headers=FILE)


def _question(request: Request, readable: frozenset[str], now: date) -> Question:
    """What the address asks. Raises `ConfigError`, and HTTP 403 for a connection that the person may not read."""
    question = Question.of(request.query_params.multi_items(), now)
    for connection_id in dict(question.filters).get("connection", ()):
        require(readable, connection_id)
    return question
