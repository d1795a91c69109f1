"""The two Dag files that `usage-ledger init` writes into Airflow's Dags folder."""

from pathlib import Path

DAG_FILES = {
    "usage_ledger.py": """\
from usage_ledger.airflow import dags
globals().update(dags())
""",
    "usage_ledger_broken_files.py": """\
# What is wrong with a connection's file shows under Import Errors in Airflow; this file builds no Dag.
from usage_ledger.airflow import raise_for_broken_files
raise_for_broken_files()
""",
}
"""Name and text. Airflow reads a file only where its text holds the words `airflow` and `dag`."""


def dag_files_there(folder: Path) -> list[str]:
    """The names of the files in a Dags folder that build our Dags already, whatever they are called."""
    names = []
    for path in sorted(folder.glob("*.py")) if folder.is_dir() else []:
        text = path.read_text(encoding="utf-8", errors="replace")
        if "usage_ledger.airflow" in text and "globals().update" in text:
            names.append(path.name)
    return names


def plugin_copies(folder: Path) -> list[str]:
    """The files of a plugins folder that define our plugin once more, as releases before this one had it."""
    names = []
    for path in sorted(folder.glob("**/*.py")) if folder.is_dir() else []:
        text = path.read_text(encoding="utf-8", errors="replace")
        if "usage_ledger" in text and "AirflowPlugin" in text:
            names.append(str(path))
    return names
