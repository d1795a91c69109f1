"""No name in the code is a past participle or a riddle: each says what a value is, or what a function does."""

import ast
import re
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
NAMES_IN_USE = frozenset(("spend_beside_last_week",))
"""Marts whose names are in the boards and queries of others."""
CLEAN = ("dags", "tests/kit", "usage_ledger")


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


SQL = ROOT / "include" / "sql"
NOT_A_NAME = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)


def _words_of_sql(text: str) -> Iterator[str]:
    yield from re.findall(r"[A-Za-z_]\w*", NOT_A_NAME.sub(" ", text))


def test_no_sql_file_or_alias_is_a_forbidden_word() -> None:
    """Schema steps apart, which are never edited."""
    files = [path for path in sorted(SQL.rglob("*.sql")) if path.relative_to(SQL).parts[0] != "ddl"]
    assert len(files) > 60
    names = {
        path.relative_to(SQL).as_posix(): _forbidden(
            name
            for name in (path.stem.lstrip("0123456789_"), *_words_of_sql(path.read_text("utf-8")))
            if name not in NAMES_IN_USE
        )
        for path in files
    }
    assert {name: words for name, words in names.items() if words} == {}


@pytest.mark.parametrize(
    "text", ["SELECT told.a FROM a AS told", "WITH rows_kept AS (SELECT 1)", "SELECT 'x' AS found"]
)
def test_a_forbidden_alias_is_noticed(text: str) -> None:
    assert _forbidden(_words_of_sql(text))
    assert not _forbidden(_words_of_sql(f"-- {text}\nSELECT 'told', 1"))
