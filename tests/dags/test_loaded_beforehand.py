"""Which of Airflow's processes loads beforehand what its forked tasks need."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from usage_ledger.local.airflow_home import LOCAL_SETTINGS

AFTERWARDS = """
import sys, threading
import psutil
import usage_ledger.airflow.preload
print(threading.active_count(), psutil.Process().net_connections("all"), len(psutil.Process().children()))
print({"great_expectations", "pandas", "psycopg2.extras", "pyarrow.parquet"} - set(sys.modules) or "loaded")
"""
ORDER = """
import abc
import usage_ledger.airflow.assets as assets
real, classes = assets.table_asset, []
def first_call(*names):
    classes.append(abc.get_cache_token())
    return real(*names)
assets.table_asset = first_call
import usage_ledger.airflow.preload
print(abc.get_cache_token() - classes[0])
"""
SCRIPT = """
import sys
import airflow_local_settings
print("usage_ledger.airflow.preload" in sys.modules)
"""


@pytest.mark.parametrize(
    ("arguments", "executor", "loads"),
    [
        ("celery worker", "CeleryExecutor", True),
        ("scheduler", "LocalExecutor", True),
        ("scheduler", "CeleryExecutor", False),
        ("api-server", "LocalExecutor", False),
        ("dag-processor", "LocalExecutor", False),
    ],
)
def test_the_process_that_forks_tasks_loads_them_once(
    tmp_path: Path, arguments: str, executor: str, loads: bool
) -> None:
    (tmp_path / "config").mkdir()
    shutil.copyfile(LOCAL_SETTINGS, tmp_path / "config" / LOCAL_SETTINGS.name)
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__EXECUTOR": executor}
    environment |= {"PYTHONPATH": str(tmp_path / "config"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments.split()], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-1] == str(loads)


def last_lines(script: str, home: Path) -> list[str]:
    """The last two lines that a script of its own process writes."""
    environment = os.environ | {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-2:]


def test_nothing_runs_and_nothing_is_connected_before_tasks_are_forked(tmp_path: Path) -> None:
    """A forked task has neither the threads of its parent nor a connection of its own, but would believe so."""
    assert last_lines(AFTERWARDS, tmp_path) == ["1 [] 0", "loaded"]


def test_what_is_imported_comes_before_what_is_asked(tmp_path: Path) -> None:
    """A class that registers with an abstract one makes Python forget what `issubclass` told: each task asks anew."""
    assert int(last_lines(ORDER, tmp_path)[-1]) < 10
