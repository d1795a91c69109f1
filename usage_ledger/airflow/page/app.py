"""The routes of the Usage page. Each asks for Airflow's login, and shows what the person's rights on Dags allow."""

import logging
from collections.abc import Awaitable, Callable

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from usage_ledger.airflow.page import connection_routes, explore_routes, overview_routes
from usage_ledger.core.errors import ConfigError, UsageLedgerError
from usage_ledger.page.render import FOLDER, render

log = logging.getLogger(__name__)
PREFIX = "/usage-ledger"
STATIC = {path.name: path for path in (FOLDER / "static").iterdir()}
HEADERS = {"cache-control": "private, no-store", "x-content-type-options": "nosniff", "referrer-policy": "same-origin"}

app = FastAPI(title="Usage Ledger", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(get_user)])
for routes in (overview_routes, connection_routes, explore_routes):
    app.include_router(routes.router)


@app.get("/static/{name}")
def send_static(name: str) -> FileResponse:
    """The shim, the styles and the icons."""
    if name not in STATIC:
        raise HTTPException(404, "there is no such file")
    return FileResponse(STATIC[name])


@app.middleware("http")
async def answer_every_error(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    """A defect becomes a page too; its traceback goes to the api-server's log alone."""
    try:
        response = await call(request)
    except Exception:
        log.exception("the Usage page failed at %s", request.url.path)
        response = _problem(
            500,
            "The page failed by a defect",
            "the api-server's log has the cause",
            "ask for another view, and report the log's lines",
        )
    response.headers.update(HEADERS)
    return response


@app.exception_handler(UsageLedgerError)
async def answer_error(request: Request, error: UsageLedgerError) -> Response:
    """What a person can mend: 400 for a question, 503 for a warehouse that is down, slow or not ready."""
    status = 400 if isinstance(error, ConfigError) else 503
    title = "The warehouse cannot be read" if status > 400 else "This cannot be answered"
    return _problem(status, title, error.sentence, error.next_step)


@app.exception_handler(StarletteHTTPException)
async def answer_refusal(request: Request, error: StarletteHTTPException) -> Response:
    """Who may not, and what is not there."""
    steps = {401: "sign in to Airflow, and reload the page", 403: "ask for the right to read the connection's Dag"}
    titles = {401: "You are not signed in", 403: "You may not see this", 404: "There is no such page"}
    title = titles.get(error.status_code, "This cannot be answered")
    return _problem(error.status_code, title, str(error.detail), steps.get(error.status_code, ""))


@app.exception_handler(RequestValidationError)
async def answer_bad_question(request: Request, error: RequestValidationError) -> Response:
    """A parameter that is missing or of the wrong kind."""
    names = sorted({str(one["loc"][-1]) for one in error.errors()})
    sentence = f"the address has no usable {', '.join(names)}"
    return _problem(400, "This cannot be answered", sentence, "correct the address, or begin at the overview")


def _problem(status: int, title: str, sentence: str, next_step: str = "") -> HTMLResponse:
    document = render(
        "problem.html", title=title, sentence=f"{sentence[:1].upper()}{sentence[1:]}.", next_step=next_step
    )
    return HTMLResponse(document, status_code=status)
