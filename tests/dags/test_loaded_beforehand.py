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


def test_nothing_runs_and_nothing_is_connected_before_tasks_are_forked(tmp_path: Path) -> None:
    """A forked task has neither the threads of its parent nor a connection of its own, but would believe so."""
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(
        [sys.executable, "-c", AFTERWARDS], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-2:] == ["1 [] 0", "loaded"]
