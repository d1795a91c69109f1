"""The project's habits: one version, a changelog, what CI and hooks call, what may be committed, what licences say."""

import importlib.util
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from usage_ledger import __version__

ROOT = Path(__file__).parents[2]
GIT = shutil.which("git") or "git"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yaml").read_text())
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]


def script(name: str) -> ModuleType:
    """A script of .ci, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def steps(job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = WORKFLOW["jobs"][job]["steps"]
    return found


def test_there_is_one_version() -> None:
    assert __version__ == VERSION
    values = yaml.safe_load((ROOT / "deploy/kubernetes/values.yaml").read_text())
    assert values["defaultAirflowTag"] == VERSION
    install = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    assert set(re.findall(r"usage[_-]ledger(?:\[\w+\])?(?:-|:|==)(\d+\.\d+\.\d+)", install)) == {VERSION}


def test_the_newest_tag_is_not_newer() -> None:
    listed = subprocess.run([GIT, "tag", "--list", "v*"], cwd=ROOT, capture_output=True, text=True, check=False)
    tags = [tuple(map(int, tag[1:].split("."))) for tag in listed.stdout.split() if re.fullmatch(r"v\d+(\.\d+)+", tag)]
    if not tags:
        pytest.skip("no version is tagged here")
    assert max(tags) <= tuple(map(int, VERSION.split(".")))


def test_the_changelog_has_the_version_and_begins_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1].startswith(f"{VERSION} - ")
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d{2}-\d{2}", heading) for heading in headings[1:])


def test_ci_runs_what_a_commit_must_pass() -> None:
    assert set(WORKFLOW[True]) == {"push", "pull_request", "schedule"}  # YAML 1.1 reads `on` as true
    assert "bash .ci/run" in [step.get("run") for step in steps("commit")]
    assert next(step["run"] for step in steps("night") if "run" in step) == "bash .ci/programs"
    assert any(str(step.get("run")).startswith("make soak ") for step in steps("night"))
    assert "bash .ci/programs" in (ROOT / ".ci/run").read_text()


def test_ci_may_read_alone_and_uses_actions_of_one_version() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    for job in WORKFLOW["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 360
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w/-]+@v\d+\.\d+\.\d+", step["uses"])
                assert step["with"]["persist-credentials"] is False


def test_hooks_download_nothing_and_call_the_projects_own_programs() -> None:
    assert [repo["repo"] for repo in HOOKS] == ["local"]
    for hook in HOOKS[0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].split()[0] in {".venv/bin/python", ".venv/bin/ruff", ".venv/bin/mypy"}


def test_a_private_key_and_a_large_file_are_refused(tmp_path: Path) -> None:
    key, large, plain = tmp_path / "key.pem", tmp_path / "large.bin", tmp_path / "plain.txt"
    key.write_text("-----BEGIN " + "RSA PRIVATE KEY-----\nMIIB\n")
    large.write_bytes(bytes(2_000_001))
    plain.write_text("a row")
    told = script("check_files").refusals([key, large, plain])
    assert [str(path) in sentence for path, sentence in zip((key, large), told, strict=True)] == [True, True]


def test_what_is_committed_passes() -> None:
    files = subprocess.run([GIT, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if files.returncode:
        pytest.skip("no git here")
    paths = [ROOT / name for name in files.stdout.split("\0") if name]
    assert script("check_files").refusals(path for path in paths if path.is_file()) == []


def test_the_licence_of_each_locked_package_is_known() -> None:
    licences = script("licences")
    rows = {name: (licence, asks) for name, _, licence, asks in licences.rows(licences.LOCK.read_text())}
    assert {"apache-airflow", "pandas"} <= set(rows)
    assert "LGPL" in rows["psycopg2-binary"][0]
    assert "published" in rows["psycopg2-binary"][1]
    assert rows["pandas"][1] == ""
    assert [name for name, (_, asks) in rows.items() if asks is None] == []


@pytest.mark.parametrize(("licence", "asks"), [("Business Source License", None), ("", None), ("GPL-3.0-only", "GPL")])
def test_a_licence_that_nobody_has_read_is_noticed(licence: str, asks: str | None) -> None:
    said = script("licences").remark(licence)
    assert said is None if asks is None else asks in said
