"""A BI tool reaches the local stack's warehouse over TCP as docs/bi.md says, and nobody else does."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest
from kit.cluster import make_cluster
from sqlalchemy import create_engine, make_url, text

from usage_ledger.airflow.credentials import local_url
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import ROOT
from usage_ledger.local import postgres
from usage_ledger.local.processes import free_port
from usage_ledger.local.settings import postgres_folder, remember_environment, warehouse_port
from usage_ledger.warehouse.engine import warehouse_engine
from usage_ledger.warehouse.schema import ensure_schema

PAGE = (ROOT / "docs" / "bi.md").read_text(encoding="utf-8")
PASSWORD = "p@ss/word:1"
(LOGIN_SQL,) = re.findall(r"```sql\n(CREATE ROLE.*?)```", PAGE, re.DOTALL)
URLS = dict(re.findall(r"^\| ([^|]+) \| `([^`]*metabase[^`]*)` \|$", PAGE, re.MULTILINE))


@pytest.fixture(scope="module")
def tcp_port() -> Iterator[int]:
    """The port of a local stack's server that has the warehouse, and the login of the page."""
    folder, port = Path(tempfile.mkdtemp(prefix="ul")), free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("USAGE_LEDGER_LOCAL", str(folder))
        patch.setenv("USAGE_LEDGER_WAREHOUSE_PORT", str(port))
        make_cluster(folder / "postgres")
        try:
            assert postgres.start()
            engine = warehouse_engine(local_url(postgres.LEDGER))
            ensure_schema(engine)
            with engine.begin() as connection:
                connection.execute(text(LOGIN_SQL))
                for login in ("metabase", "stranger"):
                    if login == "stranger":
                        connection.execute(text("CREATE ROLE stranger LOGIN"))
                    connection.execute(text(f"ALTER ROLE {login} PASSWORD '{PASSWORD}'".replace(":", "\\:")))
            engine.dispose()
            yield port
        finally:
            postgres.stop()
            shutil.rmtree(folder, ignore_errors=True)


def address(name: str, port: int) -> str:
    """The page's URL of that name, with the port and password of this test."""
    return URLS[name].replace("PASSWORD", quote(PASSWORD, safe="")).replace("5433", str(port))


def test_the_page_has_a_url_for_each_kind_of_tool(tcp_port: int) -> None:
    assert len(URLS) == 5
    assert all({"127.0.0.1", "5433", "ledger"} <= set(re.split(r"[/:;=?]|@", url)) for url in URLS.values())


def test_the_pages_url_opens_the_marts(tcp_port: int) -> None:
    with closing(psycopg2.connect(address("psql, and most tools", tcp_port))) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM connection_status")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT current_user, current_setting('transaction_read_only'), inet_server_addr() IS NULL")
        assert cursor.fetchone() == ("metabase", "on", False)


def test_the_pages_url_for_sqlalchemy_opens_the_marts(tcp_port: int) -> None:
    engine = create_engine(make_url(address("SQLAlchemy (Superset, pandas, notebooks)", tcp_port)))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM marts.monthly_spend")).scalar() == 0
    engine.dispose()


def test_the_pages_command_opens_the_marts(tcp_port: int) -> None:
    (query,) = re.findall(r'^psql "[^"]+" -c "([^"]+)"$', PAGE, re.MULTILINE)
    url = f"postgresql://metabase@127.0.0.1:{tcp_port}/ledger"
    done = subprocess.run(
        [postgres.program("psql"), url, "-c", query],
        env=os.environ | {"PGPASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "connection_id" in done.stdout


@pytest.mark.parametrize(
    ("user", "password", "database", "refusal"),
    [
        ("metabase", "wrong", "ledger", "password authentication failed"),
        ("metabase", PASSWORD, "airflow", "no pg_hba.conf entry"),
        ("stranger", PASSWORD, "ledger", "no pg_hba.conf entry"),
        ("postgres", PASSWORD, "ledger", "no pg_hba.conf entry|password authentication failed"),
    ],
)
def test_nobody_else_gets_in(tcp_port: int, user: str, password: str, database: str, refusal: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match=refusal):
        psycopg2.connect(host="127.0.0.1", port=tcp_port, user=user, password=password, dbname=database)


@pytest.mark.parametrize("table", ["ledger.cost_daily", "ops.event", "ops.load"])
def test_the_login_reads_nothing_but_marts(tcp_port: int, table: str) -> None:
    with closing(psycopg2.connect(address("psql, and most tools", tcp_port))) as connection:
        cursor = connection.cursor()
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="permission denied for schema"):
            cursor.execute(f"SELECT * FROM {table}")


def test_a_teams_login_reads_its_own_views_alone(tcp_port: int) -> None:
    page = (ROOT / "docs" / "permissions.md").read_text(encoding="utf-8")
    (team_sql,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    with closing(psycopg2.connect(host=str(postgres_folder()), user="postgres", dbname="ledger")) as local:
        cursor = local.cursor()
        cursor.execute(team_sql)
        cursor.execute("SET LOCAL ROLE search_bi")
        cursor.execute("SELECT count(*) FROM team_search.daily_cost")
        assert cursor.fetchone() == (0,)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="permission denied for schema marts"):
            cursor.execute("SELECT * FROM marts.daily_cost_by_team")


def test_the_socket_keeps_its_name_whatever_the_port(tcp_port: int) -> None:
    with closing(psycopg2.connect(host=str(postgres_folder()), user="postgres", dbname="ledger")) as local:
        cursor = local.cursor()
        cursor.execute("SHOW listen_addresses")
        assert cursor.fetchone() == ("127.0.0.1",)


def test_a_server_that_runs_with_another_port_says_so(tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres.require_port()
    monkeypatch.setenv("USAGE_LEDGER_WAREHOUSE_PORT", "0")
    assert not postgres.start()  # a command uses the server as it is
    with pytest.raises(ConfigError, match=f"listens on port {tcp_port}"):
        postgres.require_port()


def test_without_the_setting_no_port_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ul"))
    monkeypatch.setenv("USAGE_LEDGER_LOCAL", str(folder))
    monkeypatch.delenv("USAGE_LEDGER_WAREHOUSE_PORT", raising=False)
    make_cluster(folder / "postgres")
    try:
        postgres.require_port()
        assert postgres.start()
        with closing(psycopg2.connect(host=str(folder / "postgres"), user="postgres", dbname="ledger")) as local:
            cursor = local.cursor()
            cursor.execute("SHOW listen_addresses")
            assert cursor.fetchone() == ("",)
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_the_stack_remembers_the_port_until_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_LEDGER_LOCAL", str(tmp_path))
    for value, port in (("5499", 5499), ("0", None)):
        monkeypatch.setenv("USAGE_LEDGER_WAREHOUSE_PORT", value)
        remember_environment()
        monkeypatch.delenv("USAGE_LEDGER_WAREHOUSE_PORT")
        assert warehouse_port() == port
    monkeypatch.setenv("USAGE_LEDGER_WAREHOUSE_PORT", "no port")
    with pytest.raises(ConfigError, match="USAGE_LEDGER_WAREHOUSE_PORT is 'no port'"):
        warehouse_port()
