"""The project's wheel in an environment of its own, as a user installs it: no checkout anywhere."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from usage_ledger.core.project import ROOT

UV = str(Path(sys.executable).parent / "uv")
SETTINGS = ("include/owners.yaml", "include/budgets.yaml")
SOURCES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", *SETTINGS)
FOLDERS = ("usage_ledger", "include/sql", "include/prices", "data_contracts", "boards/superset")
OWN = ("PYTHONPATH", "VIRTUAL_ENV", "AIRFLOW_HOME", "AIRFLOW__CORE__PLUGINS_FOLDER")


def environment_apart(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what names the checkout or its Airflow, and with these settings."""
    others = {name: value for name, value in os.environ.items() if name not in OWN and "USAGE_LEDGER" not in name}
    return others | dict(settings or {})


def run_apart(*command: str, cwd: Path, settings: Mapping[str, str] | None = None, stdin: str = "") -> str:
    """What a command writes to standard output, in a folder and an environment without the checkout."""
    environment = environment_apart(settings)
    done = subprocess.run(
        command, cwd=cwd, env=environment, input=stdin, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment_with_wheel(folder: Path) -> Path:
    """The Python of a bare environment with the wheel, built by way of the source archive; nothing is downloaded."""
    source, built, bare = folder / "source", folder / "built", folder / "bare"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in SOURCES:
        shutil.copy(ROOT / name, source / name)
    python = ("--offline", "--python", sys.executable)
    run_apart(UV, "build", "--quiet", "--no-build-isolation", *python, "--out-dir", str(built), cwd=source)
    [wheel] = built.glob("*.whl")
    run_apart(UV, "venv", "--quiet", *python, str(bare), cwd=folder)
    executable = bare / "bin" / "python"
    install = ("--quiet", "--offline", "--no-deps", "--python", str(executable), str(wheel))
    run_apart(UV, "pip", "install", *install, cwd=folder)
    [packages] = bare.glob("lib/python*/site-packages")
    (packages / "needs.pth").write_text(f"{_needs(folder / 'needs')}\n", encoding="utf-8")
    return executable


def _needs(folder: Path) -> Path:
    """A folder with what the package needs, but not its own editable install, whose entry points would count twice."""
    folder.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "usage_ledger" not in path.name:
            (folder / path.name).symlink_to(path)
    return folder
