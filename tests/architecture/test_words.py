"""No name in the code is a past participle or a riddle: each says what a value is, or what a function does."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = frozenset(
    (
        *("told", "tells", "stands", "standing", "beside", "found", "kept", "known", "made"),
        *("asked", "wanted", "seen", "given", "fallen", "withheld", "surroundings"),
    )
)
CLEAN = (
    "dags",
    "plugins",
    *(
        f"usage_ledger/{name}"
        for name in (
            *(
                "airflow",
                "cli",
                "contracts",
                "core",
                "http",
                "json",
                "local",
                "model",
                "pipeline",
                "providers",
                "reading",
                "sandbox",
            ),
            *("sources", "storage", "warehouse"),
            *("connections.py", "console.py", "yaml_file.py"),
        )
    ),
)
"""What is clean so far. The aim: dags, plugins, usage_ledger and tests/kit, each whole."""


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.keyword(arg=str(name)) | ast.alias(asname=str(name)) | ast.alias(name=name):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name


def _forbidden(names: Iterator[str]) -> list[str]:
    return sorted({name for name in names if FORBIDDEN & set(name.lower().replace(".", "_").split("_"))})


def _files(path: str) -> list[Path]:
    return sorted((ROOT / path).rglob("*.py")) if (ROOT / path).is_dir() else [ROOT / path]


@pytest.mark.parametrize("path", CLEAN)
def test_no_name_is_a_forbidden_word(path: str) -> None:
    files = _files(path)
    assert files
    for file in files:
        names = _forbidden(iter([file.stem, *_names(ast.parse(file.read_text(encoding="utf-8")))]))
        assert not names, f"{file.relative_to(ROOT)}: {names}"


@pytest.mark.parametrize(
    "code",
    [
        "def found_rows(): ...",
        "async def asked(): ...",
        "class Known: ...",
        "def f(told): ...",
        "def f(*, told=1): ...",
        "lambda seen: 1",
        "KEPT_AFTER = 1",
        "wanted: int = 1",
        "a, (b, *made) = c",
        "for given in a: ...",
        "with a as standing: ...",
        "if (fallen := 1): ...",
        "[1 for beside in a]",
        "a.withheld = 1",
        "f(told=1)",
        "import surroundings",
        "from a import b as tells",
        "match a:\n    case [x, *stands]: ...",
        "match a:\n    case x as seen: ...",
        "try: ...\nexcept E as found: ...",
    ],
)
def test_each_kind_of_name_is_noticed(code: str) -> None:
    assert _forbidden(_names(ast.parse(code)))


def test_a_word_counts_only_as_a_whole() -> None:
    assert not _forbidden(_names(ast.parse("unknown = foundation = 'told'  # known")))
