"""The walk of CONTRIBUTING: a fictional provider from the templates, in a copy of the project, passes at once."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", ".local", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info")
CHECKS = "nimbus or cloud_nine or table or made_of_the_code or connection_type"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project."""
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("copy") / "project", ignore=LEFT_OUT))


def in_copy(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in the copy, whose own package it imports."""
    environment = os.environ | {"PYTHONPATH": str(project), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, *command], cwd=project, env=environment, capture_output=True, text=True, check=False
    )


def test_a_provider_from_the_templates_passes_the_checks_at_once(project: Path) -> None:
    made = in_copy(project, "templates/new_provider.py", "nimbus")
    assert made.returncode == 0, made.stderr
    told = made.stdout.splitlines()
    for line in (
        *("wrote usage_ledger/providers/nimbus.py", "wrote tests/fixtures/nimbus_cost.json"),
        *("wrote docs/providers/nimbus.md", "changed usage_ledger/providers/__init__.py"),
        *("changed usage_ledger/sandbox/accounts.py", "changed README.md"),
        "next: .venv/bin/python -m pytest -q tests/providers -k nimbus",
    ):
        assert line in told
    assert told[-1].startswith("undo: rm ")
    assert (project / "usage_ledger" / "providers" / "nimbus.py").is_file()
    two_words = in_copy(project, "templates/new_provider.py", "cloud_nine", "Cloud 9 AI")
    assert two_words.returncode == 0, two_words.stderr
    assert 'title="Cloud 9 AI"' in (project / "usage_ledger" / "providers" / "cloud_nine.py").read_text(
        encoding="utf-8"
    )
    in_copy(project, "-m", "ruff", "check", "-q", "--fix", "usage_ledger", "tests")
    in_copy(project, "-m", "ruff", "format", "-q", "usage_ledger", "tests")
    for check in (("check", "."), ("format", "--check", ".")):
        done = in_copy(project, "-m", "ruff", *check)
        assert done.returncode == 0, done.stdout
    tested = in_copy(
        *(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", CHECKS),
        *("tests/providers", "tests/architecture/test_docs.py", "tests/architecture/test_imports.py"),
        "tests/dags/test_dag.py",
    )
    assert tested.returncode == 0, tested.stdout[-3000:]
    passed = re.search(r"(\d+) passed", tested.stdout)
    assert passed
    assert int(passed[1]) > 30
    again = in_copy(project, "templates/new_provider.py", "nimbus")
    assert again.returncode != 0
    assert "is there already" in again.stderr


def test_a_spoiled_provider_does_not_pass(project: Path) -> None:
    """The checks look at what was written: a count that is read elsewhere turns them red."""
    in_copy(project, "templates/new_provider.py", "cirrus")
    path = project / "usage_ledger" / "providers" / "cirrus.py"
    path.write_text(path.read_text(encoding="utf-8").replace('"requests", "requests"', '"requests", "asked"'))
    tested = in_copy(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/providers/test_cirrus.py")
    assert tested.returncode == 1
    assert "asked" in tested.stdout


@pytest.mark.parametrize("name", ["", "Acme", "a-b", "1a", "../x", "a__b", "a_", "_a"])
def test_a_name_that_is_none_is_refused(project: Path, name: str) -> None:
    done = in_copy(project, "templates/new_provider.py", name)
    assert done.returncode != 0
    assert "is not a name for a provider" in done.stderr
