"""Brings the warehouse's schema up to date: numbered steps once each, marts whenever their text changes."""

import hashlib
import json
import logging
from pathlib import Path

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger import __version__
from usage_ledger.core.project import SQL
from usage_ledger.core.warehouse_errors import WarehouseRefused
from usage_ledger.providers import PROVIDERS
from usage_ledger.warehouse.engine import in_transaction, transaction
from usage_ledger.warehouse.marts import (
    empty_marts,
    grant_marts,
    hash_of,
    make_marts,
    mart_name,
    mart_names,
    marts,
    marts_hash,
)
from usage_ledger.warehouse.models import correct_families, rules_of_families
from usage_ledger.warehouse.releases import RELEASE, refuse_newer
from usage_ledger.warehouse.sql import statement

MARTS = "marts"
MART_NAMES = "mart_names"
"""The part that says which views of the schema are marts, and no one else's."""
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
EARLIER_TEXTS = {"001_facts": "0e330ef3ca3fb771bb8bcf3c405cc4a0f5e4a9f4dcf525f3de8cca848897eebd"}
"""A text that a step had once, and whose effect a later step has brought to the same: here 003_months."""
log = logging.getLogger(__name__)

READER = "bi_reader"
"""The part that says whether the role of BI tools was granted the marts, or was missing."""


def steps(folder: Path = SQL / "ddl") -> list[Path]:
    """The numbered steps, in order: folders of one statement a file."""
    return sorted(path for path in folder.iterdir() if path.is_dir())


def ensure_schema(engine: Engine, *, ddl: Path = SQL / "ddl") -> bool:
    """Apply what is missing, in one transaction, safely beside others that do the same; True when anything was.

    Raises `WarehouseRefused` when a newer release has brought it up to date, when an applied step's text has changed
    since, or when a mart on which others built would lose what they read; `WarehouseDown`.
    """
    current = {step.name: _hash(step) for step in steps(ddl)}
    current |= {MARTS: marts_hash(), MART_NAMES: mart_names(), RELEASE: __version__}
    if SELLERS_STEP in current:
        current[SELLERS] = _sellers_hash()
    if FAMILIES_STEP in current:
        current[FAMILIES] = rules_of_families()
    if ALLOCATION_STEP in current:
        current[ALLOCATION] = hash_of(path for path in marts() if mart_name(path) in ALLOCATION_MARTS)
    applied, reader = _applied(engine)
    if applied == current | {READER: reader}:
        return False
    return in_transaction(engine, lambda cursor: _apply(cursor, current, ddl))


def _hash(folder: Path) -> str:
    return hash_of(sorted(folder.glob("*.sql")))


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
        cursor.execute(statement("schema/has_parts"))
        return (_parts(cursor) if cursor.fetchone() == (True,) else {}), _reader(cursor)


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
    refuse_newer(applied, current)
    earlier = applied.get(MART_NAMES)
    remaking = any(applied.get(part) != current[part] for part in current if part not in (RELEASE, SELLERS, FAMILIES))
    present = empty_marts(cursor, earlier) if remaking else {}
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
    new = make_marts(cursor, earlier, present) if remaking else []
    reader = _reader(cursor)
    if reader == "granted":
        grant_marts(cursor, new if applied.get(READER) == reader else current[MART_NAMES].split())
    elif reader == "missing":
        log.warning(
            "the role bi_reader is missing and this role may not make it: ask for CREATE ROLE bi_reader NOLOGIN"
        )
    for part, content in {**{part: current[part] for part in (MARTS, MART_NAMES, RELEASE)}, READER: reader}.items():
        if applied.get(part) != content:
            cursor.execute(statement("schema/record"), {"part": part, "content": content})
    return applied != current | {READER: reader}


def _apply_steps(cursor: Cursor, current: dict[str, str], applied: dict[str, str], ddl: Path) -> None:
    for step in steps(ddl):
        before = applied.get(step.name)
        if before is None:
            for path in sorted(step.glob("*.sql")):
                cursor.execute(path.read_text(encoding="utf-8"))
        elif before not in (current[step.name], EARLIER_TEXTS.get(step.name)):
            raise WarehouseRefused(
                f"the schema step {step.name} differs from the one this warehouse was made with",
                next_step="restore its files, and put the change into a new step",
            )
        if before != current[step.name]:
            cursor.execute(statement("schema/record"), {"part": step.name, "content": current[step.name]})
