"""Who imports whom, and the budgets that keep a file readable."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "usage_ledger"

# What each layer may import of the project, besides itself.
# A name stands for itself and for all that it may import.
BELOW: dict[str, set[str]] = {
    "core": set(),
    "yaml_file": {"core"},
    "model": {"core"},
    "contracts": {"core", "yaml_file"},
    "providers": {"model"},
    "connections": {"providers", "yaml_file"},
    "json": {"core"},
    "http": {"connections", "json"},
    "storage": {"http"},
    "sources": {"storage"},
    "reading": {"connections", "contracts", "storage"},
    "warehouse": {"contracts", "storage"},
    "money": {"sources", "reading", "warehouse"},
    "pipeline": {"money"},
    "page": {"money"},
    "sandbox": {"core"},
    "local": {"airflow", "console", "sandbox"},  # the stack on this machine; commands alone start it
    "airflow": {"page", "pipeline"},
    "console": {"core"},  # how commands write to the terminal
    "cli": {"airflow", "local", "sandbox", "console"},
    "dags": {"airflow"},
    "plugins": {"airflow"},
}


def reach(layer: str) -> set[str]:
    """All that a layer may import: what lies below it, and what lies below that."""
    return BELOW[layer].union(*map(reach, BELOW[layer]))


MAY_IMPORT = {layer: reach(layer) for layer in BELOW}
MAY_IMPORT_AIRFLOW = {"dags", "plugins", "airflow"}
# Beyond this a file is split by subject.
LINES = {
    "usage_ledger/providers/*.py": 150,
    "dags/*.py": 60,
    "usage_ledger/**/*.py": 250,
    "include/sql/[!m]*/**/*.sql": 80,
    "include/sql/marts/*.sql": 130,
}
LONG_PROVIDERS = ("anthropic.py", "openai.py", "refusals.py")
"""Two vendors of many reports, and what the answers of all vendors mean: at most 200 lines."""
LONG_MODULES: dict[str, str] = {}
"""Modules of more than 250 lines, at most 350, each with its reason."""
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|managers?)(_|$)", re.IGNORECASE)


def sources() -> list[Path]:
    return [
        path
        for folder in (PACKAGE, "dags", "plugins")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "__pycache__" not in path.parts
    ]


def layer_of(path: Path) -> str:
    """The layer of a file; '' for the package's own `__init__`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] != PACKAGE:
        return parts[0]
    return "" if parts[1] == "__init__" else parts[1]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Every import of a file, also those within functions: its line and the whole dotted name."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("import_module", "importlib.import_module"):
            named = node.args[0] if node.args else None
            assert isinstance(named, ast.Constant), f"{path}:{node.lineno} imports what a reader cannot know"
            yield node.lineno, str(named.value)


def broken_imports(paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        layer = layer_of(path)
        for line, name in imports_of(path):
            where = f"{path.relative_to(ROOT)}:{line} imports {name}"
            first, *rest = name.split(".")
            if first == PACKAGE:
                target = rest[0] if rest and rest[0] in MAY_IMPORT else ""
                known = layer == "" or target in ("", layer) or target in MAY_IMPORT[layer]
                if not known:
                    found.append(f"{where}: {layer} may not import {target}")
            elif first == "airflow" and layer not in MAY_IMPORT_AIRFLOW:
                found.append(f"{where}: Airflow belongs to usage_ledger/airflow, dags and plugins")
            elif layer in ("core", "model", "") and first not in sys.stdlib_module_names:
                found.append(f"{where}: core stands on the standard library alone")
            elif first in ("tests", "dags", "plugins"):
                found.append(f"{where}: no code imports {first}")
    return found


def test_every_layer_has_its_place() -> None:
    found = {layer_of(path) for path in sources()} - {""}
    assert found <= set(MAY_IMPORT)
    assert {"core", "model", "json", "http", "reading", "warehouse", "pipeline", "sandbox"} <= found


def test_layers_import_only_what_lies_below() -> None:
    assert broken_imports(sources()) == []


def test_a_forbidden_import_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    lines = {
        "usage_ledger/core/a.py": "import httpx",
        "usage_ledger/http/a.py": "from usage_ledger.pipeline.plan import cut",
        "usage_ledger/http/b.py": "def f():\n    from usage_ledger import warehouse",
        "usage_ledger/pipeline/a.py": "from airflow.sdk import dag",
        "usage_ledger/pipeline/b.py": "from ..sandbox import app",
        "usage_ledger/sandbox/a.py": "import usage_ledger.http.client",
        "usage_ledger/cli/a.py": "import airflow",
        "usage_ledger/storage/a.py": "import importlib\nimportlib.import_module('usage_ledger.warehouse')",
        "dags/a.py": "import usage_ledger.local.stack",
        "dags/b.py": "from airflow.sdk import dag\nfrom usage_ledger.airflow import timetable",
    }
    for name, text in lines.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    broken = broken_imports([tmp_path / name for name in lines])
    assert [line.split(":")[0] for line in broken] == list(lines)[:-1]


def test_no_two_modules_import_each_other() -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in sources()
    }
    wanted = {
        module: {
            target
            for _, name in imports_of(path)
            for target in (name, name.rpartition(".")[0])
            if target in modules and target != module
        }
        for module, path in modules.items()
    }
    state: dict[str, int] = {}

    def walk(module: str, path: list[str]) -> None:
        assert state.get(module) != 1, " -> ".join([*path, module])
        if module not in state:
            state[module] = 1
            for target in wanted[module]:
                walk(target, [*path, module])
            state[module] = 2

    for module in modules:
        walk(module, [])


def lengths_of(pattern: str) -> dict[str, int]:
    return {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sorted(ROOT.glob(pattern))
    }


@pytest.mark.parametrize("pattern", LINES)
def test_files_stay_within_their_budget(pattern: str) -> None:
    most = LINES[pattern]
    over = {name: count for name, count in lengths_of(pattern).items() if count > most}
    over = {name: count for name, count in over.items() if name not in LONG_MODULES or count > 350}
    assert [name for name in over if Path(name).name not in LONG_PROVIDERS or "providers" not in pattern] == []


def test_two_providers_alone_are_longer() -> None:
    over = {Path(name).name: count for name, count in lengths_of("usage_ledger/providers/*.py").items() if count > 150}
    assert sorted(over) == list(LONG_PROVIDERS)
    assert max(over.values()) <= 200


def test_no_module_is_an_exception_that_need_not_be() -> None:
    lengths = lengths_of("usage_ledger/**/*.py")
    assert [name for name in LONG_MODULES if lengths.get(name, 0) <= 250] == [], "remove it from LONG_MODULES"


def test_a_function_has_at_most_forty_lines() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}: {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in sources()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in lengths.items() if lines > 40} == {}


def test_a_provider_file_has_at_most_two_functions_and_no_class() -> None:
    for path in (ROOT / PACKAGE / "providers").glob("*.py"):
        kinds = [type(node) for node in ast.walk(tree_of(path))]
        assert ast.ClassDef not in kinds, path.name
        assert kinds.count(ast.FunctionDef) <= 2, path.name


VENDORS = re.compile(
    r"fireworks|openai|anthropic|claude|openrouter|replicate|groq|bedrock|cloudwatch|amazon|aws|azure|entra|vertex"
    r"|google|bigquery|gemini|authress|prometheus",
    re.IGNORECASE,
)


def vendors_named(folder: str) -> dict[str, str]:
    """The first vendor that each file of a folder names, also in a comment."""
    files = [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.sql")]
    named = {path.relative_to(ROOT).as_posix(): VENDORS.search(path.read_text(encoding="utf-8")) for path in files}
    return {name: match[0] for name, match in named.items() if match}


@pytest.mark.parametrize(
    "folder",
    [*(f"{PACKAGE}/{room}" for room in ("pipeline", "reading", "sources", "warehouse")), "dags", "include/sql/load"],
)
def test_no_step_names_a_vendor(folder: str) -> None:
    assert any((ROOT / folder).iterdir())
    assert vendors_named(folder) == {}
    assert vendors_named(f"{PACKAGE}/providers")


def test_nothing_is_named_by_a_word_that_says_nothing() -> None:
    named = [(path, part) for path in sources() for part in path.relative_to(ROOT).with_suffix("").parts]
    for path in sources():
        named += [
            (path, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.name))
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        ]
    assert [f"{path.relative_to(ROOT)}: {name}" for path, name in named if FORBIDDEN_NAMES.search(name)] == []


def test_every_module_says_what_it_is_for() -> None:
    assert [str(path.relative_to(ROOT)) for path in sources() if not ast.get_docstring(tree_of(path))] == []


# SQL

STATEMENTS = sorted((ROOT / "include" / "sql").rglob("*.sql"))
APART = re.compile(r"--[^\n]*|/\*.*?\*/|\$([a-z_]*)\$.*?\$\1\$|'(?:[^']|'')*'|\"[^\"]*\"", re.DOTALL)


def statements_of(text: str) -> list[str]:
    """A naive split: what stands between semicolons outside of comments, quotes and bodies."""
    return [part for part in APART.sub(" x ", re.sub(r"--[^\n]*", "", text)).split(";") if part.strip()]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("SELECT 1", 1),
        ("-- a; b\nSELECT 1;\n", 1),
        ("SELECT ';', $$a;b$$, $x$;$x$, \";\" /* ; */", 1),
        ("SELECT 1; SELECT 2", 2),
        ("SELECT 1;\nCOMMIT;", 2),
        ("-- nothing", 0),
    ],
)
def test_statements_are_counted(text: str, count: int) -> None:
    assert len(statements_of(text)) == count


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_sql_file_is_one_statement_without_a_template(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(statements_of(text)) == 1
    assert not re.search(r"\{\{\s*\w|\{%", text)


@pytest.mark.parametrize("folder", ["warehouse", "pipeline", "airflow", "local", "page"])
def test_no_sql_is_made_of_text(folder: str) -> None:
    """Neither f-strings nor `%`, `+` or `.format` make a statement: `execute` gets a constant or a named statement."""
    found = []
    for path in sorted((ROOT / PACKAGE / folder).rglob("*.py")):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                sent = node.args[0]
                made = isinstance(sent, ast.JoinedStr | ast.BinOp)
                if made and node.func.attr in ("execute", "executemany", "copy_expert", "SQL"):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []
