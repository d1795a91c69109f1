"""Brings the warehouse's schema up to date: numbered steps once each, marts whenever their text changes."""

import hashlib
import json
import logging
import re
from collections.abc import Iterable
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.contracts.registry import contract
from usage_ledger.core.project import CONTRACTS, SQL
from usage_ledger.core.warehouse_errors import WarehouseRefused
from usage_ledger.providers import PROVIDERS
from usage_ledger.warehouse.engine import in_transaction, transaction
from usage_ledger.warehouse.models import correct_families, rules_of_families
from usage_ledger.warehouse.sql import statement, text

MARTS = "marts"
SELLERS = "providers"
"""The part that is what the declarations say of each provider, and the step that makes its table."""
SELLERS_STEP = "020_providers"
FAMILIES = "families"
"""The part that says by which rules the families of models were made, and the step that makes their table."""
FAMILIES_STEP = "015_cost_items"
ALLOCATION = "allocation"
"""The part that says by which views bills were shared out, and the step that makes the table of what was recorded."""
ALLOCATION_STEP = "023_team_costs"
ALLOCATION_MARTS = (
    *("bill_lines", "billable_usage", "usage_and_bill", "matched_series"),
    *("metered", "bill_parts", "owners", "allocated_cost"),
)
log = logging.getLogger(__name__)

READER = "bi_reader"
"""The part that says whether the role of BI tools was granted the marts, or was missing."""


def steps(folder: Path = SQL / "ddl") -> list[Path]:
    """The numbered steps, in order: folders of one statement a file."""
    return sorted(path for path in folder.iterdir() if path.is_dir())


def ensure_schema(engine: Engine, *, ddl: Path = SQL / "ddl") -> bool:
    """Apply what is missing, in one transaction, safely beside others that do the same; True when anything was.

    Raises `WarehouseRefused` when an applied step's text has changed since, `WarehouseDown`.
    """
    current = {step.name: _hash(step) for step in steps(ddl)} | {MARTS: _marts_hash()}
    if SELLERS_STEP in current:
        current[SELLERS] = _sellers_hash()
    if FAMILIES_STEP in current:
        current[FAMILIES] = rules_of_families()
    if ALLOCATION_STEP in current:
        current[ALLOCATION] = _hash_of(path for path in marts() if mart_name(path) in ALLOCATION_MARTS)
    applied, reader = _applied(engine)
    if applied == current | {READER: reader}:
        return False
    return in_transaction(engine, lambda cursor: _apply(cursor, current, ddl))


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


def marts(folder: Path = SQL / MARTS) -> list[Path]:
    """The views of schema `marts`, in the order they build on each other: `<nn>_<name>.sql`."""
    return sorted(folder.glob("*.sql"))


def mart_name(path: Path) -> str:
    return path.stem.split("_", 1)[1]


def _contract_file(mart: Path) -> Path:
    return CONTRACTS / f"{mart_name(mart)}.yaml"


def _hash(folder: Path) -> str:
    return _hash_of(sorted(folder.glob("*.sql")))


def _hash_of(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _marts_hash() -> str:
    """Of the views and of the contracts that describe some of them."""
    views = marts()
    return _hash_of([*views, *filter(Path.is_file, map(_contract_file, views))])


def _sellers() -> list[dict[str, str]]:
    """The rows of `ledger.provider`."""
    return [
        {
            "provider": provider.name,
            "title": provider.title,
            "seller": (seller := provider.seller).name or provider.title,
            "service": seller.service or provider.title,
            "account_type": provider.account.label,
            "part_type": seller.part,
            "host": (seller.name or provider.title) if seller.host else "",
        }
        for provider in PROVIDERS.values()
    ]


def _sellers_hash() -> str:
    return hashlib.sha256(json.dumps(_sellers()).encode()).hexdigest()


def _applied(engine: Engine) -> tuple[dict[str, str], str]:
    """The parts as recorded, and the state of the reader role as it is."""
    with transaction(engine) as cursor:
        cursor.execute("SELECT to_regclass('ops.schema_part') IS NOT NULL")
        row = cursor.fetchone()
        return (_parts(cursor) if row and row[0] else {}), _reader(cursor)


def _reader(cursor: Cursor) -> str:
    cursor.execute(statement("schema/reader_exists"))
    return "granted" if cursor.fetchone() == (True,) else "missing"


def _parts(cursor: Cursor) -> dict[str, str]:
    cursor.execute(statement("schema/applied"))
    return dict(cursor.fetchall())


def _apply(cursor: Cursor, current: dict[str, str], ddl: Path) -> bool:
    cursor.execute(statement("schema/lock"))
    cursor.execute(statement("schema/ops"))
    cursor.execute(statement("schema/version_table"))
    applied = _parts(cursor)
    _apply_steps(cursor, current, applied, ddl)
    if applied.get(SELLERS) != current.get(SELLERS):
        for seller in _sellers():
            cursor.execute(statement("schema/provider"), seller)
        cursor.execute(statement("schema/record"), {"part": SELLERS, "content": current[SELLERS]})
    if applied.get(FAMILIES) != current.get(FAMILIES):
        correct_families(cursor)
        cursor.execute(statement("schema/record"), {"part": FAMILIES, "content": current[FAMILIES]})
    if applied.get(ALLOCATION) != current.get(ALLOCATION):
        cursor.execute(statement("schema/team_costs_due"))
        cursor.execute(statement("schema/record"), {"part": ALLOCATION, "content": current[ALLOCATION]})
    remade = applied.get(MARTS) != current[MARTS]
    if remade:
        _make_marts(cursor)
        cursor.execute(statement("schema/record"), {"part": MARTS, "content": current[MARTS]})
    reader = _reader(cursor)
    if reader == "granted" and (remade or applied.get(READER) != reader):
        cursor.execute(statement("schema/grant_marts"))
    elif reader == "missing":
        log.warning(
            "the role bi_reader is missing and this role may not make it: ask for CREATE ROLE bi_reader NOLOGIN"
        )
    cursor.execute(statement("schema/record"), {"part": READER, "content": reader})
    return applied != current | {READER: reader}


def _apply_steps(cursor: Cursor, current: dict[str, str], applied: dict[str, str], ddl: Path) -> None:
    for step in steps(ddl):
        if step.name not in applied:
            for path in sorted(step.glob("*.sql")):
                cursor.execute(path.read_text(encoding="utf-8"))
            cursor.execute(statement("schema/record"), {"part": step.name, "content": current[step.name]})
        elif applied[step.name] != current[step.name]:
            raise WarehouseRefused(
                f"the schema step {step.name} differs from the one this warehouse was made with",
                next_step="restore its files, and put the change into a new step",
            )


def _make_marts(cursor: Cursor) -> None:
    cursor.execute(statement("schema/drop_marts"))
    cursor.execute(statement("schema/create_marts"))
    for path in marts():
        cursor.execute(path.read_text(encoding="utf-8"))
        about, columns = mart_comments(path)
        view = sql.Identifier(MARTS, mart_name(path))
        comment = sql.SQL(text("schema/comment_view"))
        cursor.execute(comment.format(view=view, text=sql.Literal(about)))
        for name, comment_text in columns.items():
            comment = sql.SQL(text("schema/comment_column"))
            cursor.execute(comment.format(view=view, column=sql.Identifier(name), text=sql.Literal(comment_text)))
