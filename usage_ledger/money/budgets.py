"""Brings the budgets of `include/budgets.yaml` into the ledger; what they were before stays there, superseded."""

from dataclasses import astuple, fields
from difflib import get_close_matches
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import Json
from sqlalchemy import Engine

from usage_ledger.core.project import budgets_file
from usage_ledger.money.budget_file import AnomalyRule, Budget, BudgetFile, read_budgets
from usage_ledger.money.revision import source_commit
from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.schema import ensure_schema
from usage_ledger.warehouse.sql import statement

COLUMNS = tuple(one.name for one in fields(Budget))


def apply_budgets(engine: Engine) -> list[str]:
    """Make the current rows of `ledger.budget` and `ledger.anomaly_rule` those of the file.

    Returns a warning for each team and connection that the ledger does not have. Without a file there is no budget.

    Raises `ConfigError` for a file that cannot be right; then nothing changes.
    """
    ensure_schema(engine)
    path = budgets_file()
    read = read_budgets(path) if path.is_file() else None
    commit = source_commit(path)
    return in_transaction(engine, lambda cursor: _apply(cursor, read, commit))


def _apply(cursor: Cursor, read: BudgetFile | None, commit: str) -> list[str]:
    cursor.execute(statement("money/budgets_lock"))
    cursor.execute(statement("money/budgets_current"))
    current = {row[0]: tuple(map(_plain, row)) for row in cursor.fetchall()}
    budgets = {one.name: one for one in read.budgets} if read else {}
    for name in current.keys() - budgets.keys():
        cursor.execute(statement("money/budget_supersede"), {"name": name})
    for name, budget in budgets.items():
        if current.get(name) != tuple(map(_plain, astuple(budget))):
            cursor.execute(statement("money/budget_supersede"), {"name": name})
            values = {column: _sent(getattr(budget, column)) for column in COLUMNS}
            cursor.execute(statement("money/budget_insert"), values | {"source_commit": commit})
    _apply_rule(cursor, read.rule if read else AnomalyRule(), commit)
    return list(_warnings(cursor, read)) if read else []


def _apply_rule(cursor: Cursor, rule: AnomalyRule, commit: str) -> None:
    at_least = {currency: str(amount) for currency, amount in rule.at_least.items()}
    values = {"score": rule.score, "at_least": Json(at_least), "settled_only": rule.settled_only}
    cursor.execute(statement("money/anomaly_rule_is_current"), values)
    if cursor.fetchone() == (True,):
        return
    cursor.execute(statement("money/anomaly_rule_supersede"))
    cursor.execute(statement("money/anomaly_rule_insert"), values | {"source_commit": commit})


def _warnings(cursor: Cursor, read: BudgetFile) -> list[str]:
    """A sentence for each team and connection of a budget that the ledger does not have."""
    cursor.execute(statement("money/budget_owners"))
    names: dict[str, set[str]] = {"team": set(), "connection": set()}
    for kind, name in cursor.fetchall():
        names[kind].add(name)
    sentences = []
    for place, budget in enumerate(read.budgets):
        for kind, name in (("team", budget.team), ("connection", budget.connection_id)):
            if name and name not in names[kind]:
                near = ", ".join(get_close_matches(name, names[kind], 3)) or "none is like it"
                what = f"the ledger has no {kind} {name!r}; nearest: {near}"
                sentences.append(read.file.problem(("budgets", place, kind), what).sentence)
    return sentences


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _sent(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
