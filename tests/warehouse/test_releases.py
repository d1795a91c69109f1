"""One release at a time: a process older than the warehouse's writes nothing, and says what to install."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.command import ledger_command
from kit.provider_site import Site
from kit.upgrading import ask
from sqlalchemy import Engine

from usage_ledger.airflow import tasks
from usage_ledger.connections import Connection
from usage_ledger.core.project import SQL
from usage_ledger.core.warehouse_errors import WarehouseRefused
from usage_ledger.warehouse import releases, schema
from usage_ledger.warehouse.engine import warehouse_engine
from usage_ledger.warehouse.schema import ensure_schema

STATE = "SELECT part, content, applied_at::text FROM ops.schema_part ORDER BY part"
VIEWS = "SELECT oid, xmin::text, relname FROM pg_class WHERE relnamespace = 'marts'::regnamespace ORDER BY 1"
OTHER = """
import sys
import usage_ledger
usage_ledger.__version__ = sys.argv[1]
from sqlalchemy import make_url
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.warehouse.engine import warehouse_engine
from usage_ledger.warehouse.schema import ensure_schema
try:
    print(ensure_schema(warehouse_engine(make_url(sys.argv[2]))))
except UsageLedgerError as error:
    print(error)
"""


@contextlib.contextmanager
def having(version: str) -> Iterator[None]:
    """This process has another release."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (releases, schema):
            patch.setattr(module, "__version__", version)
        yield


def test_a_process_of_an_older_release_says_which_one_it_needs_and_writes_nothing(database: Engine) -> None:
    def said_by(version: str) -> str:
        url = database.url.render_as_string(hide_password=False)
        command = [sys.executable, "-c", OTHER, version, url]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()

    assert said_by("0.10.0") == "True"
    assert said_by("0.10.0") == "False"
    before = ask(database, STATE), ask(database, VIEWS)
    said = said_by("0.9.1")
    assert "this process has usage-ledger 0.9.1, and the warehouse was brought up to date by 0.10.0" in said
    assert "install usage-ledger 0.10.0 here, or restore the backup" in said
    assert (ask(database, STATE), ask(database, VIEWS)) == before


def test_a_newer_release_takes_the_warehouse_over_and_the_older_one_does_not_take_it_back(
    database: Engine, own_marts: Path
) -> None:
    (own_marts / "01_one.sql").write_text("CREATE VIEW marts.one AS SELECT 1 AS n")
    with having("1.0.0"):
        ensure_schema(database)
    (own_marts / "01_one.sql").write_text("CREATE VIEW marts.one AS SELECT 2 AS n")
    with having("1.0.1"):
        assert ensure_schema(database)
    (own_marts / "01_one.sql").write_text("CREATE VIEW marts.one AS SELECT 1 AS n")
    with having("1.0.0"), pytest.raises(WarehouseRefused, match=r"1\.0\.0, and the warehouse .* by 1\.0\.1"):
        ensure_schema(database)
    assert ask(database, "SELECT n FROM marts.one") == [(2,)]


def test_another_text_of_the_same_release_is_taken_as_it_is(database: Engine, own_marts: Path) -> None:
    for number in (1, 2):
        (own_marts / "01_one.sql").write_text(f"CREATE VIEW marts.one AS SELECT {number} AS n")
        assert ensure_schema(database)
        assert ask(database, "SELECT n FROM marts.one") == [(number,)]


def test_a_step_that_this_release_does_not_know_is_of_a_newer_one(database: Engine, tmp_path: Path) -> None:
    more = Path(shutil.copytree(SQL / "ddl", tmp_path / "ddl"))
    (more / "999_next").mkdir()
    (more / "999_next" / "01_next.sql").write_text("CREATE TABLE ops.next (n int)")
    ensure_schema(database, ddl=more)
    before = ask(database, STATE)
    with pytest.raises(WarehouseRefused, match="has the schema step 999_next, which this process") as refused:
        ensure_schema(database)
    assert "install the release that made it" in refused.value.next_step
    assert ask(database, STATE) == before


def test_a_run_of_an_older_release_asks_nobody_and_lands_nothing(site: Site) -> None:
    site.run()
    with having("0.0.9"), pytest.raises(WarehouseRefused):
        before = site.loads("load_id, state"), len(site.provider.requests), sorted(site.root.rglob("*"))
        site.run()
    assert (site.loads("load_id, state"), len(site.provider.requests), sorted(site.root.rglob("*"))) == before


@pytest.mark.parametrize("task", [tasks.transform, tasks.validate, tasks.load, tasks.repair])
def test_a_worker_that_has_another_release_than_extract_had_stops(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, task: Callable[..., None]
) -> None:
    connection = Connection(id="acme", provider="fireworks", account="acme")
    monkeypatch.setattr(tasks, "_resources", lambda _id: (connection, engine, None))
    monkeypatch.setattr(tasks, "get_current_context", dict)
    with having("0.0.9"), pytest.raises(Exception, match=r"this process has usage-ledger 0\.0\.9"):
        task("acme", *([] if task in (tasks.transform, tasks.validate) else [None]))


def test_a_command_of_an_older_release_ends_with_the_sentence(engine: Engine, tmp_path: Path) -> None:
    with ledger_command(engine, tmp_path) as command, having("0.0.9"):
        said = command("budgets", code=1).stderr
    assert "install usage-ledger" in said


def test_a_warehouse_from_before_releases_were_kept_is_taken_over(database: Engine) -> None:
    releases.require_release(database)
    ensure_schema(database)
    ask(database, "DELETE FROM ops.schema_part WHERE part IN ('release', 'mart_names')")
    releases.require_release(database)
    other = warehouse_engine(database.url)
    assert ensure_schema(other)
    assert not ensure_schema(other)
    other.dispose()
