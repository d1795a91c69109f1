"""Reads `include/budgets.yaml`: budgets a month, and when a day is an anomaly. What is wrong is named by file, line and
key."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from usage_ledger.core.errors import ConfigError
from usage_ledger.money.currencies import CURRENCIES
from usage_ledger.yaml_file import Keys, YamlFile, read_yaml_file

ALWAYS, NEVER = date(1, 1, 1), date(9999, 12, 1)
KEYS = ("name", "team", "connection", "month", "warn_at", "forecast", "notify", "from", "until")
RULE_KEYS = ("score", "at_least", "settled_only")
LARGEST = Decimal(10) ** 15
_MONEY = re.compile(r"(\S+) +([A-Za-z]+)")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Budget:
    """An amount a month for a team, a connection, or a team's part of a connection."""

    name: str
    team: str
    connection_id: str
    amount: Decimal
    currency: str
    warn_at: tuple[Decimal, ...] = (Decimal(80), Decimal(100))
    forecast: bool = True
    notify: tuple[str, ...] = ()
    valid_from: date = ALWAYS
    valid_to: date = NEVER


@dataclass(frozen=True, slots=True)
class AnomalyRule:
    """When a day is an anomaly: how many spreads it is away, and how much money by currency."""

    score: Decimal = Decimal(4)
    at_least: dict[str, Decimal] = field(default_factory=lambda: {"USD": Decimal(50)})
    settled_only: bool = True


@dataclass(frozen=True, slots=True)
class BudgetFile:
    """What the file says."""

    file: YamlFile
    budgets: tuple[Budget, ...]
    rule: AnomalyRule


def read_budgets(path: Path) -> BudgetFile:
    """The budgets of a file. Raises `ConfigError` for the first thing that cannot be right."""
    file = read_yaml_file(path)
    document = _mapping(file, (), file.document or {}, ("budgets", "anomalies"))
    listed = document.get("budgets") or []
    if not isinstance(listed, list):
        raise file.problem(("budgets",), "is no list", next_step="write one budget a line, each after `- `")
    budgets: dict[str, Budget] = {}
    for place, value in enumerate(listed):
        budget = _budget(file, ("budgets", place), value)
        if budget.name in budgets:
            raise file.problem(
                ("budgets", place, "name"), f"there are two budgets {budget.name!r}", next_step="rename one of them"
            )
        budgets[budget.name] = budget
    return BudgetFile(file, tuple(budgets.values()), _rule(file, document.get("anomalies") or {}))


def _budget(file: YamlFile, keys: Keys, value: Any) -> Budget:
    document = _mapping(file, keys, value, KEYS)
    name = _text(file, (*keys, "name"), document.get("name"))
    if not _NAME.fullmatch(name):
        raise file.problem((*keys, "name"), f"{name!r} is no name", next_step="use lower-case letters, digits, _ and -")
    team, connection = (
        _text(file, (*keys, key), document[key]) if key in document else "" for key in ("team", "connection")
    )
    if not team and not connection:
        raise file.problem(keys, f"budget {name!r} is for nobody", next_step="add `team`, `connection` or both")
    amount, currency = _money(file, (*keys, "month"), document.get("month"))
    if amount == 0:
        raise file.problem((*keys, "month"), "is 0", next_step="write what may be spent a month, such as 3000 USD")
    more: dict[str, Any] = {}
    if "warn_at" in document:
        more["warn_at"] = tuple(sorted(_percentages(file, (*keys, "warn_at"), document["warn_at"])))
    if "forecast" in document:
        more["forecast"] = _truth(file, (*keys, "forecast"), document["forecast"])
    if "notify" in document:
        more["notify"] = tuple(dict.fromkeys(_texts(file, (*keys, "notify"), document["notify"])))
    months = {"valid_from": ("from", ALWAYS), "valid_to": ("until", NEVER)}
    more |= {column: _month(file, (*keys, key), document.get(key), open_) for column, (key, open_) in months.items()}
    if more["valid_from"] >= more["valid_to"]:
        raise file.problem((*keys, "until"), "is not after `from`", next_step="`until` is the first month without it")
    return Budget(name, team, connection, amount, currency, **more)


def _rule(file: YamlFile, value: Any) -> AnomalyRule:
    document = _mapping(file, ("anomalies",), value, RULE_KEYS)
    more: dict[str, Any] = {}
    if "score" in document:
        more["score"] = _number(file, ("anomalies", "score"), document["score"])
        if not 1 <= more["score"] <= 1000:
            raise file.problem(("anomalies", "score"), "is not between 1 and 1000", next_step="4 is a good beginning")
    if "at_least" in document:
        value = document["at_least"]
        listed = value if isinstance(value, list) else [value]
        money = [_money(file, ("anomalies", "at_least"), one) for one in listed]
        more["at_least"] = {currency: amount for amount, currency in money}
        if len(more["at_least"]) < len(money):
            raise file.problem(("anomalies", "at_least"), "names a currency twice", next_step="remove one of them")
    if "settled_only" in document:
        more["settled_only"] = _truth(file, ("anomalies", "settled_only"), document["settled_only"])
    return AnomalyRule(**more)


def _mapping(file: YamlFile, keys: Keys, value: Any, allowed: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise file.problem(keys, "has no keys of its own", next_step=f"allowed: {', '.join(allowed)}")
    for key in value:
        if key not in allowed:
            raise file.problem((*keys, str(key)), "is not allowed", next_step=f"allowed: {', '.join(allowed)}")
    return value


def _text(file: YamlFile, keys: Keys, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise file.problem(keys, "is missing, or no text", next_step="write a name, in quotes where it is a number")
    return value.strip()


def _texts(file: YamlFile, keys: Keys, value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        yield _text(file, keys, one)


def _truth(file: YamlFile, keys: Keys, value: Any) -> bool:
    if not isinstance(value, bool):
        raise file.problem(keys, "is neither true nor false", next_step="write true or false")
    return value


def _number(file: YamlFile, keys: Keys, value: Any) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, int | Decimal | str) and not isinstance(value, bool) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise file.problem(keys, f"{str(value)[:40]!r} is no number", next_step="write it in digits, such as 3000")
    if number < 0:
        raise file.problem(keys, f"{number} is negative", next_step="write a number above 0")
    return number


def _money(file: YamlFile, keys: Keys, value: Any) -> tuple[Decimal, str]:
    parts = _MONEY.fullmatch(value.strip()) if isinstance(value, str) else None
    if parts is None:
        raise file.problem(keys, "is no amount with a currency", next_step="write both, such as 3000 USD")
    amount, currency = _number(file, keys, parts[1].replace("_", "")), parts[2]
    if currency not in CURRENCIES:
        raise file.problem(keys, f"{currency!r} is no currency", next_step="write a code of ISO 4217, such as USD")
    if amount >= LARGEST or amount != round(amount, 18):
        raise file.problem(keys, f"{parts[1]} is more than the ledger holds", next_step="write a smaller amount")
    return amount, currency


def _percentages(file: YamlFile, keys: Keys, value: Any) -> Iterator[Decimal]:
    for one in value if isinstance(value, list) else [value]:
        percent = _number(file, keys, one)
        if not 0 < percent <= 1000 or percent != round(percent, 3):
            raise file.problem(keys, f"{percent} is no share of a budget", next_step="write percent, such as [80, 100]")
        yield percent


def _month(file: YamlFile, keys: Keys, value: Any, open_: date) -> date:
    """The first day of a month that is written as `2026-11`, or as that day."""
    if value is None:
        return open_
    try:
        day = value if isinstance(value, date) else date.fromisoformat(f"{value}-01")
    except ValueError:
        day = None
    if day is None or day.day != 1:
        problem: ConfigError = file.problem(keys, f"{value} is no month", next_step="write it as 2026-11")
        raise problem
    return day
