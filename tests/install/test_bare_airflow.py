"""The wheel in an Airflow that is there: three commands, and the ledger equals the truth."""

import json
import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pytest
from kit.provider_site import KEY, TRUTHS, Overruled, Query
from kit.wheel import run_apart
from sqlalchemy import Engine

ACCOUNT = "acme399"
FIRST, LAST = date(2026, 11, 11), date(2026, 11, 13)
READ_DAGS = """
import json
from airflow.dag_processing.dagbag import DagBag
from airflow.plugins_manager import get_plugin_info
bag = DagBag()
plugins = [str(plugin["source"]) for plugin in get_plugin_info() if plugin["name"] == "usage_ledger"]
print(json.dumps([sorted(bag.dags), bag.import_errors, plugins]))
"""


@pytest.fixture
def settings(provider: tuple[Overruled, str], engine: Engine, tmp_path: Path) -> dict[str, str]:
    """What a team has set before it installs the package: Airflow's home and the warehouse."""
    host = engine.url.query["host"]
    return {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_USAGE_WAREHOUSE": f"postgres://postgres@/{engine.url.database}?host={host}",
        "USAGE_LEDGER_ALLOWED_HOSTS": provider[1].removeprefix("http://"),
    }


def test_three_commands_fill_the_ledger_of_an_airflow_that_is_there(
    bare: Path, settings: dict[str, str], provider: tuple[Overruled, str], query: Query, tmp_path: Path
) -> None:
    def run(*words: str, stdin: str = "") -> str:
        return run_apart(str(bare.parent / words[0]), *words[1:], cwd=tmp_path, settings=settings, stdin=stdin)

    run("python", "-m", "airflow", "db", "migrate")

    shown = run("usage-ledger", "init")
    options = ("--account", ACCOUNT, "--host", provider[1])
    run("usage-ledger", "connect", "fireworks", "acme_prod", *options, stdin=KEY + "\n")
    run("usage-ledger", "run", "acme_prod", "--from", str(FIRST), "--to", str(LAST))

    expected = TRUTHS[ACCOUNT].expected_usage(FIRST, LAST + timedelta(days=1), "UTC")
    rows = query("SELECT usage_date, sum(input_tokens) FROM ledger.usage_daily GROUP BY 1")
    assert {day: int(tokens) for day, tokens in rows} == {day: one["input_tokens"] for day, one in expected.items()}
    home = tmp_path / "airflow"
    assert f"wrote {home}/dags/usage_ledger.py" in shown
    assert (home / "include/connections/acme_prod.yaml").is_file()
    assert (home / "dags/usage_ledger.py").read_text().splitlines() == [
        "from usage_ledger.airflow import dags",
        "globals().update(dags())",
    ]
    with sqlite3.connect(home / "airflow.db") as metadata:
        assert ("fireworks",) in metadata.execute("SELECT pool FROM slot_pool").fetchall()

    dags, errors, [source] = json.loads(run("python", "-c", READ_DAGS).splitlines()[-1])
    assert (dags, errors) == (["usage_acme_prod", "usage_alerts"], {})
    assert source.startswith("usage-ledger==")

    again = run("usage-ledger", "init")
    assert "wrote" not in again and "made" not in again
