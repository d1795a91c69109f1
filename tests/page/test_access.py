"""Every route of the Usage page asks for Airflow's login, and shows only what the person's rights on Dags allow."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from jwt import InvalidTokenError
from kit.page_client import page_client
from psycopg2 import sql
from sqlalchemy import Engine, create_engine

from usage_ledger.airflow.page import access, asking
from usage_ledger.airflow.page.app import STATIC, app
from usage_ledger.core.project import ROOT
from usage_ledger.core.warehouse_errors import WarehouseDown, WarehouseRefused

MINE, OTHERS = "mine", "of_another_team"
QUESTIONS = {
    "/connection": "?id={id}",
    "/connection/card/dates": "?id={id}",
    "/dag": "?dag_id=usage_{id}",
    "/run": "?dag_id=usage_{id}&run_id=scheduled__2026-11-19",
    "/explore": "?connection={id}&by=day",
    "/explore.csv": "?connection={id}&by=day",
}
"""What the routes that name a connection are asked."""


def routes() -> list[str]:
    """The address of every route, with a value for each parameter of its path."""
    # Newer releases of FastAPI hold the routes of a router apart, and tell of them by their schema alone.
    paths = {route.path for route in app.routes if isinstance(route, APIRoute)} | set(app.openapi()["paths"])
    names = {"/static/{name}": "shim.js", "/connection/card/{name}": "dates", "/card/{name}": "months"}
    return sorted(path.replace("{name}", names.get(path, "")) for path in paths)


class TwoTeams(SimpleAuthManager):
    """Lets a person with a token of ours in, and read the Dag of one connection."""

    async def get_user_from_token(self, token: str) -> Any:
        if token != "good":
            raise InvalidTokenError("not ours")
        return SimpleAuthManagerUser(username="ann", role="viewer")

    def get_authorized_dag_ids(self, **_: Any) -> set[str]:
        return {f"usage_{MINE}", "usage_alerts", "a_dag_of_somebody_else"}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The routes, behind a login as Airflow has it; the warehouse cannot be reached."""
    manager: BaseAuthManager[Any] = TwoTeams()
    monkeypatch.setattr("airflow.api_fastapi.core_api.security.get_auth_manager", lambda: manager)
    monkeypatch.setattr(access, "get_auth_manager", lambda: manager)
    nowhere = create_engine("postgresql+psycopg2://nobody@127.0.0.1:9/none", connect_args={"connect_timeout": 1})
    reader = asking.Reader(nowhere, lifetime=0)
    app.dependency_overrides[asking.current_reader] = lambda: reader
    yield TestClient(app, follow_redirects=False)
    app.dependency_overrides.clear()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def address(path: str, connection_id: str) -> str:
    return path + QUESTIONS.get(path, "").format(id=connection_id)


def test_the_routes_are_those_that_are_walked() -> None:
    assert {"/overview", "/panel", "/card/months", "/static/shim.js", "/connections", *QUESTIONS} == set(routes())


@pytest.mark.parametrize("path", routes())
def test_a_route_asks_for_a_login(client: TestClient, path: str) -> None:
    assert client.get(address(path, MINE)).status_code == 401
    answer = client.get(address(path, MINE), headers=bearer("bad"))
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")
    assert "globalThis" not in answer.text


@pytest.mark.parametrize("path", sorted(QUESTIONS))
def test_the_connection_of_another_team_is_refused_like_one_that_is_not_there(client: TestClient, path: str) -> None:
    answers = [client.get(address(path, name), headers=bearer("good")) for name in (OTHERS, "no_such_connection")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].text == answers[1].text
    assert OTHERS not in answers[0].text


@pytest.mark.parametrize("path", [path for path in routes() if path not in ("/overview", "/static/shim.js")])
def test_a_warehouse_that_is_down_is_a_page_with_a_next_step(client: TestClient, path: str) -> None:
    answer = client.get(address(path, MINE), headers=bearer("good"))
    assert answer.status_code == 503, answer.text
    assert "What to do:" in answer.text
    assert "Traceback" not in answer.text
    assert "psycopg2" not in answer.text


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
@pytest.mark.parametrize("path", routes())
def test_a_route_only_reads(client: TestClient, path: str, method: str) -> None:
    assert client.request(method, path, headers=bearer("good")).status_code == 405


@pytest.mark.parametrize("name", ["..%2fapp.py", "shim.js%00", "no.js", "%2e%2e/parts.html"])
def test_no_other_file_is_sent(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{name}", headers=bearer("good")).status_code in (403, 404)


def test_every_answer_is_private(client: TestClient) -> None:
    for path in routes():
        for headers in ({}, bearer("good")):
            answer = client.get(address(path, MINE), headers=headers)
            assert answer.headers["cache-control"] == "private, no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_documents_of_the_framework_are_off(client: TestClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path, headers=bearer("good")).status_code == 404


def test_a_defect_is_a_page_without_a_traceback(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise RuntimeError("a defect with secrets in it")

    monkeypatch.setattr("usage_ledger.page.overview.overview_html", fail)
    answer = client.get("/overview", headers=bearer("good"))
    assert answer.status_code == 500
    assert "defect" in answer.text
    assert "secrets" not in answer.text


def test_a_page_reads_as_bi_reader_and_cannot_write(engine: Engine) -> None:
    reader = asking.Reader(engine, lifetime=0)
    [row] = reader.rows_of(
        sql.SQL("SELECT current_user AS role, current_setting('transaction_read_only') AS ro"), {}, 1
    )
    assert row == {"role": "bi_reader", "ro": "on"}
    for text in ("SELECT * FROM ledger.cost_daily", "CREATE TABLE marts.x (a int)", "SELECT * FROM ops.load"):
        with pytest.raises((WarehouseRefused, WarehouseDown)):
            reader.rows_of(sql.SQL(text), {}, text)


def test_a_slow_warehouse_is_a_page_that_says_what_to_do(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "usage_ledger.page.reader.statement",
        lambda name: sql.SQL(
            "SELECT set_config('statement_timeout', %(timeout)s, true), %(role)s"
            if name.endswith("session")
            else "SELECT pg_sleep(5)"
        ),
    )
    with page_client(engine, [MINE], date(2026, 11, 20), timeout=0.1) as client:
        answer = client.get("/card/spend")
    assert answer.status_code == 503
    assert "ask for fewer days or connections" in answer.text


def test_other_processes_of_airflow_do_not_import_the_page() -> None:
    code = "import sys; sys.argv = ['airflow', 'scheduler']; import usage_ledger.airflow.plugin; print(*sys.modules)"
    path = f"import sys; sys.path.insert(0, {str(ROOT / 'plugins')!r}); "
    done = subprocess.run([sys.executable, "-c", path + code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "usage_ledger.airflow.plugin" in loaded
    assert [name for name in loaded if re.match(r"usage_ledger\.(page|airflow\.page)\b", name)] == []


def test_the_static_files_are_those_of_the_folder() -> None:
    assert sorted(STATIC) == ["icon-dark.svg", "icon.svg", "page.css", "shim.js"]
