"""Routes of the views of connections, and of the tabs on a Dag and on a run."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import HTMLResponse

from usage_ledger.airflow.dag import ALERTS, PREFIX
from usage_ledger.airflow.page.access import Readable, require
from usage_ledger.airflow.page.asking import Marts, Today
from usage_ledger.airflow.page.dags import run_of, schedule_of, schedules_of
from usage_ledger.page import connection, connections, dag_run
from usage_ledger.page.render import render

router = APIRouter(default_response_class=HTMLResponse)
Id = Annotated[str, Query(max_length=250)]


@router.get("/connections")
def show_connections(
    readable: Readable,
    reader: Marts,
    q: Annotated[str, Query(max_length=200)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> str:
    """The list of connections."""
    state = state if state in connections.STATES else ""
    rows = connections.page_of(connections.chosen_connections(reader, readable, q, state), page)
    schedules = schedules_of(row["connection_id"] for row in rows)
    return connections.connections_html(reader, readable, schedules, text=q, state=state, page=page)


@router.get("/connection")
def show_connection(readable: Readable, reader: Marts, id: Id) -> str:  # noqa: A002  the address names it so
    """One connection."""
    return connection.connection_html(reader, require(readable, id), schedule_of(id))


@router.get("/connection/card/{name}")
def show_connection_card(name: str, readable: Readable, reader: Marts, now: Today, id: Id) -> str:  # noqa: A002
    """A card of it."""
    require(readable, id)
    if name not in connection.CARDS:
        raise HTTPException(404, "there is no such card")
    return connection.connection_card_html(name, reader, id, now)


@router.get("/dag")
def show_dag(readable: Readable, reader: Marts, dag_id: Id) -> str:
    """The tab on a Dag: its connection, or a sentence where it has none."""
    if dag_id == ALERTS or not dag_id.startswith(PREFIX):
        return render("no_connection.html", alerts=dag_id == ALERTS)
    id = require(readable, dag_id.removeprefix(PREFIX))  # noqa: A001
    return connection.connection_html(reader, id, schedule_of(id), bare=True)


@router.get("/run")
def show_run(readable: Readable, reader: Marts, dag_id: Id, run_id: Id) -> str:
    """The tab on a run: what it did."""
    if dag_id == ALERTS or not dag_id.startswith(PREFIX):
        return render("no_connection.html", alerts=dag_id == ALERTS)
    id = require(readable, dag_id.removeprefix(PREFIX))  # noqa: A001
    run, steps = run_of(dag_id, run_id)
    document = dag_run.run_html(reader, id, run_id, run, steps)
    if document is None:
        raise HTTPException(404, "neither the ledger nor Airflow knows a run of this id")
    return document
