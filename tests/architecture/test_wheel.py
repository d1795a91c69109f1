"""The built wheel works where there is no checkout: it holds the SQL and the data contracts."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from usage_ledger.core.project import CONTRACTS, ROOT, SQL
from usage_ledger.warehouse.schema import marts, steps

UV = str(Path(sys.executable).parent / "uv")
SOURCES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
FOLDERS = ("usage_ledger", "include/sql", "data_contracts")

READ = """
import json
import usage_ledger
from usage_ledger.contracts.registry import contract
from usage_ledger.page.render import FOLDER, render
from usage_ledger.warehouse.schema import mart_name, marts, steps
from usage_ledger.warehouse.sql import text
print(json.dumps([
    usage_ledger.__file__,
    text("load/lock"),
    contract("usage_daily").names(),
    [mart_name(path) for path in marts()],
    [path.name for path in steps()],
    [render("overview.html", view="overview"), *sorted(path.name for path in (FOLDER / "static").iterdir())],
]))
"""


def run(*command: str, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
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
    run(UV, "build", "--quiet", "--no-build-isolation", *python, "--out-dir", str(built), cwd=source)
    [wheel] = built.glob("*.whl")
    run(UV, "venv", "--quiet", *python, str(bare), cwd=folder)
    executable = bare / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(executable), str(wheel), cwd=folder)
    [packages] = bare.glob("lib/python*/site-packages")
    # What the package needs, without the editable install: a folder that a .pth names has its own .pth files ignored.
    (packages / "needs.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return executable


def test_the_wheel_reads_statements_contracts_and_marts_outside_of_a_checkout(tmp_path: Path) -> None:
    executable = environment_with_wheel(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    origin, statement, names, views, numbered, page = json.loads(run(str(executable), "-c", READ, cwd=outside))
    assert Path(origin).is_relative_to(tmp_path / "bare")
    assert statement == (SQL / "load/lock.sql").read_text(encoding="utf-8")
    assert {"usage_date", "connection_id", "input_tokens"} <= set(names)
    assert views == [path.stem.partition("_")[2] for path in marts()]
    assert "usage_meters" in views
    assert numbered == [path.name for path in steps()]
    assert "data-fragment" in page[0]
    assert {"page.css", "shim.js"} <= set(page[1:])
    installed = Path(origin).parent
    for folder, copy in ((SQL, installed / "include/sql"), (CONTRACTS, installed / "data_contracts")):
        assert {path.relative_to(folder) for path in folder.rglob("*")} == {
            path.relative_to(copy) for path in copy.rglob("*")
        }


def test_a_checkout_reads_its_own_folders() -> None:
    assert (ROOT / "include" / "sql", ROOT / "data_contracts") == (SQL, CONTRACTS)
