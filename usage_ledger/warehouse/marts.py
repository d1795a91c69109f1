"""The views of schema `marts`, replaced in place: what others built on them, and were granted, stands."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from psycopg2 import errors, sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.contracts.registry import contract
from usage_ledger.core.project import CONTRACTS, SQL
from usage_ledger.core.warehouse_errors import WarehouseRefused
from usage_ledger.warehouse.sql import statement, text

SCHEMA = "marts"
Column = tuple[str, str]
"""A column's name and its type, as PostgreSQL writes it."""
_create = re.compile(r"^CREATE VIEW ", re.MULTILINE)


def marts(folder: Path = SQL / SCHEMA) -> list[Path]:
    """The views of schema `marts`, in the order they build on each other: `<nn>_<name>.sql`."""
    return sorted(folder.glob("*.sql"))


def mart_name(path: Path) -> str:
    return path.stem.split("_", 1)[1]


def mart_comments(path: Path) -> tuple[str, dict[str, str]]:
    """A mart's description and its columns': from its data contract, or from the head of its file.

    There, `-- text` describes the view, then `-- column: text` each column.
    """
    if _contract_file(path).is_file():
        promise = contract(mart_name(path))
        return promise.description, {column.name: column.description for column in promise.columns}
    about: list[str] = []
    columns: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("--"):
            break
        named = re.match(r"-- ([a-z_0-9]+): (.+)", line)
        if named:
            columns[named[1]] = named[2]
        else:
            about.append(line.removeprefix("--").strip())
    return " ".join(about), columns


def marts_hash() -> str:
    """Of the views and of the contracts that describe some of them."""
    views = marts()
    return hash_of([*views, *filter(Path.is_file, map(_contract_file, views))])


def hash_of(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def mart_names() -> str:
    """The names of all marts, as the warehouse keeps them: so that it knows which views of the schema are its own."""
    return " ".join(sorted(map(mart_name, marts())))


Marts = dict[str, list[Column]]
"""The columns of each relation of schema `marts`, in their order."""


def empty_marts(cursor: Cursor, earlier: str | None) -> Marts:
    """Let each mart that stands read nothing, with the columns that it has, and return these.

    So no mart hangs on another or on a table: a step may alter the tables, and `make_marts` replace each view alone.
    `earlier` are the names of the marts that were made before; null in a warehouse from before these were kept.

    Raises `WarehouseRefused` where somebody else's view has the name of a mart.
    """
    cursor.execute(statement("schema/create_marts"))
    present = mart_columns(cursor)
    own = _own(earlier)
    for name in sorted(_own(None) & present.keys() - own):
        raise WarehouseRefused(
            f"the view marts.{name} is there already and not of Usage Ledger, which brings one of this name",
            next_step=f"nothing was written; rename it: ALTER VIEW marts.{name} RENAME TO …",
        )
    for name in sorted(own & present.keys()):
        nothing = [
            sql.SQL("NULL::{} AS {}").format(sql.SQL(kind), sql.Identifier(column)) for column, kind in present[name]
        ]
        body = sql.SQL("CREATE OR REPLACE VIEW {} AS SELECT {}")
        cursor.execute(body.format(_view(name), sql.SQL(", ").join(nothing)))
    return present


def make_marts(cursor: Cursor, earlier: str | None, present: Marts) -> list[str]:
    """Fill the marts that `empty_marts` found, make new ones, and drop those that the project has no more.

    Where a mart has new columns at the end alone, PostgreSQL replaces it in place. Any other is made again, unless
    something of somebody else's is built on it.

    Returns the names of new marts. Raises `WarehouseRefused`; the transaction must then be rolled back.
    """
    refused: list[str] = []
    for path in marts():
        if not _replaced(cursor, path):
            refused += _make_again(cursor, path, present[mart_name(path)])
        _comment(cursor, path)
    current = _own(None)
    for name in sorted(_own(earlier) & present.keys() - current):
        if builders := _built_on(cursor, name):
            refused.append(f"takes away marts.{name}, read by {builders}")
        else:
            cursor.execute(sql.SQL(text("schema/drop_mart")).format(view=_view(name)))
    if refused:
        raise WarehouseRefused(
            f"this release {', and '.join(refused)}",
            next_step="nothing was written; drop what reads it, run this again, and create it on the new columns",
        )
    return sorted(current - present.keys())


def grant_marts(cursor: Cursor, names: Iterable[str]) -> None:
    """Let `bi_reader` read these marts."""
    cursor.execute(statement("schema/grant_schema"))
    for name in names:
        _grant(cursor, name, "SELECT", "bi_reader")


def mart_columns(cursor: Cursor) -> Marts:
    """What schema `marts` has."""
    cursor.execute(statement("schema/mart_columns"))
    return {name: list(zip(names, types, strict=True)) for name, names, types in cursor.fetchall()}


def _contract_file(mart: Path) -> Path:
    return CONTRACTS / f"{mart_name(mart)}.yaml"


def _view(name: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, name)


def _own(earlier: str | None) -> set[str]:
    """The names of marts as the warehouse keeps them, or those of this release."""
    return set((mart_names() if earlier is None else earlier).split())


def _replaced(cursor: Cursor, path: Path) -> bool:
    """Create or replace a view; False where its columns allow no replacement."""
    cursor.execute("SAVEPOINT mart")
    try:
        cursor.execute(_create.sub("CREATE OR REPLACE VIEW ", path.read_text(encoding="utf-8"), count=1))
    except errors.InvalidTableDefinition:
        cursor.execute("ROLLBACK TO SAVEPOINT mart")
        return False
    cursor.execute("RELEASE SAVEPOINT mart")
    return True


def _make_again(cursor: Cursor, path: Path, before: Sequence[Column]) -> list[str]:
    """Put the new view in the place of the old one, with its grants; or say what is built on the old one."""
    name = mart_name(path)
    cursor.execute(statement("schema/mart_grants"), {"view": f"{SCHEMA}.{name}"})
    grants = cursor.fetchall()
    builders = _built_on(cursor, name)
    aside = sql.Identifier(f"{name} aside")
    cursor.execute(sql.SQL(text("schema/put_mart_aside")).format(view=_view(name), aside=aside))
    cursor.execute(path.read_text(encoding="utf-8"))
    for privilege, role in grants:
        _grant(cursor, name, privilege, role)
    if builders:
        return [f"changes marts.{name} ({changes(before, mart_columns(cursor)[name])}), read by {builders}"]
    cursor.execute(sql.SQL(text("schema/drop_mart")).format(view=_view(f"{name} aside")))
    return []


def changes(before: Sequence[Column], after: Sequence[Column]) -> str:
    """What of a mart's columns changed, other than by growth at the end, as a person reads it."""
    types = dict(after)
    said = [f"column {name} is gone" for name, _ in before if name not in types]
    said += [f"column {name} is {types[name]}, not {kind}" for name, kind in before if types.get(name, kind) != kind]
    if not said:
        said = [f"column {name} moved" for (name, _), (other, _) in zip(before, after, strict=False) if name != other]
    return ", ".join(said)


def _built_on(cursor: Cursor, name: str) -> str:
    """What hangs on a mart, by whatever views between, with commas; empty where nothing does."""
    cursor.execute(statement("schema/built_on"), {"view": f"{SCHEMA}.{name}"})
    return ", ".join(row[0] for row in cursor.fetchall())


def _grant(cursor: Cursor, name: str, privilege: str, role: str) -> None:
    to = sql.SQL("PUBLIC") if role == "PUBLIC" else sql.Identifier(role)
    grant = sql.SQL(text("schema/grant_mart"))
    cursor.execute(grant.format(privilege=sql.SQL(privilege), view=_view(name), role=to))


def _comment(cursor: Cursor, path: Path) -> None:
    about, columns = mart_comments(path)
    view = _view(mart_name(path))
    cursor.execute(sql.SQL(text("schema/comment_view")).format(view=view, text=sql.Literal(about)))
    for name, comment in columns.items():
        on_column = sql.SQL(text("schema/comment_column"))
        cursor.execute(on_column.format(view=view, column=sql.Identifier(name), text=sql.Literal(comment)))
