"""The assets that loads announce, in Airflow's own metadata database: made once, before any task runs."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import make_url

YAML = "provider: fireworks\naccount: acme\ntimezone: UTC\n"

CREATE = """
from airflow.models import Base, import_all_models
from airflow.models.asset import AssetAliasModel
from airflow.settings import engine
from airflow.utils.session import create_session
import_all_models()
Base.metadata.create_all(engine)
with create_session() as session:
    session.add(AssetAliasModel(name="loaded/acme"))  # as the Dag processor makes it of the outlet
"""
# What a scheduler calls when a run begins; what the API server calls when a task succeeds, for two tasks at once: the
# first has not committed when the second looks.
PARTS = """
import json, logging, sys, threading, time
from types import SimpleNamespace
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.taskinstance import TaskInstance
from airflow.serialization.definitions.assets import SerializedAssetUniqueKey
from airflow.utils.session import create_session
from sqlalchemy import select
from usage_ledger.airflow import listener
from usage_ledger.airflow.assets import loaded_alias, table_asset

def begin_run():
    listener.on_dag_run_running(dag_run=SimpleNamespace(dag_id="usage_acme"), msg="started")

def announce(session, run_id):
    asset = table_asset("acme", "usage_daily")
    ti = SimpleNamespace(dag_id="usage_acme", task_id="load", run_id=run_id, map_index=-1, log=logging.getLogger("ti"),
                         dag_run=SimpleNamespace(partition_key=None, partition_date=None))
    TaskInstance.register_asset_changes_in_db(
        ti,
        [SimpleNamespace(type="AssetAlias", name=loaded_alias("acme"), uri=None)],
        [{"source_alias_name": loaded_alias("acme"), "dest_asset_key": {"name": asset.name, "uri": asset.uri},
          "dest_asset_extra": {}, "extra": {"changed_rows": 1}}],
        session=session,
    )

def apart(work):
    failures = []
    def run():
        try:
            work()
        except Exception as error:
            failures.append(type(error).__name__)
    thread = threading.Thread(target=run)
    thread.start()
    return thread, failures

def announce_alone(run_id):
    with create_session(scoped=False) as session:
        announce(session, run_id)

def state():
    with create_session(scoped=False) as session:
        assets = session.scalars(select(AssetModel).order_by(AssetModel.name))
        return [[[one.name, one.uri, [alias.name for alias in one.aliases]] for one in assets],
                len(session.scalars(select(AssetEvent)).all())]
"""
TWO_LOADS = (
    PARTS
    + """
if sys.argv[1] == "begun":
    begin_run()
with create_session(scoped=False) as session:
    announce(session, "first")
    thread, failures = apart(lambda: announce_alone("second"))
    thread.join(2)
thread.join(60)
print(json.dumps([failures, state()]))
"""
)
TWO_SCHEDULERS = (
    PARTS
    + """
from usage_ledger.airflow.store import _add_assets, ensure_assets
from usage_ledger.connections import find_connection
with create_session(scoped=False) as session:
    _add_assets(session, find_connection("acme"))
    thread, failures = apart(lambda: ensure_assets(find_connection("acme")))
    thread.join(2)
    assert thread.is_alive()  # it waits for the first to commit
thread.join(60)
begin_run()
print(json.dumps([failures, state()]))
"""
)
NAMES = ["cost_daily/acme", "name/acme", "usage_daily/acme"]
MADE = [[name, f"usage-ledger://acme/{name.partition('/')[0]}", ["loaded/acme"]] for name in NAMES]


def environment_of(folder: Path, server: Any, database: str) -> dict[str, str]:
    url = make_url(server.get_uri(database))
    address = f"postgresql+psycopg2://{url.username}@/{database}?host={quote(str(url.query['host']))}"
    return {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")} | {
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address,
        "USAGE_LEDGER_CONNECTIONS": str(folder / "connections"),
    }


def run_script(environment: dict[str, str], text: str, *arguments: str) -> str:
    command = [sys.executable, "-c", text, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "could not be checked" not in done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def template(
    server: Any, administer: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, str]]:
    """A folder with one connection, and an empty metadata database as Airflow makes it."""
    folder, name = tmp_path_factory.mktemp("assets"), f"airflow_{uuid.uuid4().hex}"
    (folder / "connections").mkdir()
    (folder / "connections" / "acme.yaml").write_text(YAML, encoding="utf-8")
    administer(f"CREATE DATABASE {name}")
    run_script(environment_of(folder, server, name), CREATE)
    yield folder, name
    administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def run(server: Any, administer: Callable[[str], None], template: tuple[Path, str]) -> Iterator[Callable[..., Any]]:
    """Runs a script beside a metadata database of its own; what it prints last."""
    folder, empty = template
    name = f"airflow_{uuid.uuid4().hex}"
    administer(f"CREATE DATABASE {name} TEMPLATE {empty}")
    environment = environment_of(folder, server, name)
    yield lambda *arguments: json.loads(run_script(environment, *arguments).splitlines()[-1])
    administer(f"DROP DATABASE {name} WITH (FORCE)")


def test_two_loads_that_announce_one_new_asset_at_once_both_succeed(run: Callable[..., Any]) -> None:
    assert run(TWO_LOADS, "begun") == [[], [MADE, 2]]


def test_without_the_scheduler_airflow_fails_one_of_them(run: Callable[..., Any]) -> None:
    failures, (assets, events) = run(TWO_LOADS, "not begun")
    assert (failures, events) == (["IntegrityError"], 1)
    assert [name for name, _, _ in assets] == ["usage_daily/acme"]


def test_two_schedulers_make_the_assets_of_a_connection_once(run: Callable[..., Any]) -> None:
    assert run(TWO_SCHEDULERS) == [[], [MADE, 0]]
