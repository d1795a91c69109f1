"""What tests of upgrades share."""

from typing import Any

from sqlalchemy import Engine

from usage_ledger.warehouse.engine import transaction


def ask(engine: Engine, text: str) -> list[tuple[Any, ...]]:
    with transaction(engine) as cursor:
        cursor.execute(text)
        return list(cursor.fetchall()) if cursor.description else []
