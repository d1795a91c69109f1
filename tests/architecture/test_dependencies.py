"""What the code imports is declared in pyproject.toml: what comes along with another package may leave with it."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES = PROJECT["project"]["dependencies"]
OPTIONAL = PROJECT["project"]["optional-dependencies"]
EXTRAS = [one for extra in ("local", "bedrock", "azure", "vertex", "openlineage") for one in OPTIONAL[extra]]
DEVELOPMENT = PROJECT["dependency-groups"]["dev"]
OWN = {
    "usage_ledger",
    "benchmarks",
    *(path.stem for path in (ROOT / "tests").rglob("*") if path.is_dir() or path.suffix == ".py"),
}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: Iterable[str]) -> set[str]:
    """The packages that requirements name, without versions and extras."""
    return {normalized(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in requirements}


def imports_of(text: str) -> set[str]:
    """The outermost packages that a module imports, also within functions; not the standard library's, nor ours."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - OWN


@cache
def distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())


def undeclared(text: str, packages: set[str]) -> set[str]:
    """The imports that no declared package provides; several packages may provide one name, such as `airflow`."""
    return {
        name for name in imports_of(text) if packages.isdisjoint(map(normalized, distributions().get(name, [name])))
    }


@pytest.mark.parametrize(
    ("folder", "requirements"),
    [
        ("usage_ledger", [*DEPENDENCIES, *EXTRAS]),
        ("dags", DEPENDENCIES),
        ("plugins", DEPENDENCIES),
        ("tests", [*DEPENDENCIES, *EXTRAS, *DEVELOPMENT]),
    ],
)
def test_what_is_imported_is_declared(folder: str, requirements: list[str]) -> None:
    packages = declared(requirements)
    assert packages
    missing = {
        path.relative_to(ROOT).as_posix(): names
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (names := undeclared(path.read_text(encoding="utf-8"), packages))
    }
    assert missing == {}


@pytest.mark.parametrize(
    "text", ["import httpcore", "from cryptography.fernet import Fernet", "def f():\n    from upath import UPath"]
)
def test_an_undeclared_import_is_noticed(text: str) -> None:
    assert undeclared(text, {"httpx"})
    assert not undeclared(text, {"httpcore", "cryptography", "universal-pathlib"})
