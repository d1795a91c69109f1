"""The statement that answers a question: of which marts, by which columns; and the same as SQL for a person to copy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from usage_ledger.core.windows import DAY
from usage_ledger.page.question import DIMENSIONS, Dimension, Question
from usage_ledger.warehouse.sql import text

MOST_SERIES = 40
"""Series of a chart; what is smaller is one more, the others. The chart has colours for fewer."""
_NONE = sql.SQL("NULL::text")
METERS = ("requests", "input_tokens", "cached_input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class Mart:
    """A mart of figures, and the columns by which it can be asked."""

    name: str
    columns: frozenset[str]
    has_names: bool = False


ALL = frozenset(one.column for one in DIMENSIONS.values())
SLIM = frozenset(("usage_date", "connection_id", "provider", "model", "region"))
COSTS = (
    Mart("bill_lines", SLIM),
    Mart("daily_cost_by_team", frozenset(("usage_date", "connection_id", "provider", "team"))),
    Mart("spend_attribution", ALL, has_names=True),
)
"""The cheapest first: whose a cost is takes the most work."""
USAGES = (Mart("daily_usage", SLIM), Mart("usage_attribution", ALL, has_names=True))


def mart_of(question: Question, marts: Sequence[Mart]) -> Mart:
    """The cheapest that can answer."""
    return next(mart for mart in marts if question.columns <= mart.columns)


def explore_statement(question: Question) -> sql.Composable:
    """`page/explore` for the question: names of columns and marts from the lists above, every value a parameter."""
    cost, usage = mart_of(question, COSTS), mart_of(question, USAGES)
    day, series = ("second", "first") if question.by[1:] == ("day",) else ("first", "second")
    parts: dict[str, sql.Composable] = {
        "measure": sql.Identifier(question.measure),
        "day": sql.Identifier(f"{day}_id"),
        "newest": sql.Identifier(f"{day}_id") if "day" in question.by else _NONE,
        "series": sql.Identifier(f"{series}_id"),
        "series_name": sql.Identifier(f"{series}_name"),
    }
    for kind, mart in (("cost", cost), ("usage", usage)):
        parts[f"{kind}_mart"] = sql.Identifier("marts", mart.name)
        parts[f"{kind}_filters"] = _filters(question, money=kind == "cost")
        for place, role in enumerate(("first", "second")):
            one = question.dimensions[place] if place < len(question.by) else None
            parts[f"{kind}_{role}"] = sql.Identifier(one.column) if one else sql.SQL("''")
            parts[f"{kind}_{role}_name"] = sql.Identifier(_name_column(one, mart)) if _name_column(one, mart) else _NONE
    return sql.SQL(text("page/explore")).format(**parts)


def _column(name: str) -> sql.Composable:
    return sql.Identifier(DIMENSIONS[name].column)


def _name_column(one: Dimension | None, mart: Mart) -> str:
    return one.name_column if one and one.has_names and mart.has_names else ""


def _filters(question: Question, *, money: bool) -> sql.Composable:
    conditions = [
        sql.SQL("{} = ANY ({})").format(_column(name), sql.Placeholder(f"only_{name}")) for name, _ in question.filters
    ]
    if money and question.currencies:
        conditions.append(sql.SQL("currency = ANY ({})").format(sql.Placeholder("currencies")))
    return sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")


def explore_values(question: Question, readable: Iterable[str], most: int) -> dict[str, Any]:
    """The parameters of the statement; of no connection but those that the person may read."""
    return {
        "connections": sorted(readable),
        "first": question.window.first,
        "end": question.window.end,
        "currencies": list(question.currencies),
        "of_money": question.measure == "cost",
        "most": most,
        "most_series": MOST_SERIES,
        "of_days": "day" in question.by,
    } | {f"only_{name}": list(ids) for name, ids in question.filters}


def sql_text(question: Question, readable: Iterable[str]) -> str:
    """The same question for `psql` or a BI tool: one statement of costs, one of what was metered."""
    cost, usage = mart_of(question, COSTS), mart_of(question, USAGES)
    meters = [f"sum({meter}) AS {meter}" for meter in METERS]
    money = [_condition("currency", question.currencies)] if question.currencies else []
    of_cost = _select(question, readable, cost, ["currency"], ["sum(amount) AS cost"], money)
    return f"{of_cost}\n\n{_select(question, readable, usage, [], meters, [])}"


def _select(
    question: Question, readable: Iterable[str], mart: Mart, more: list[str], sums: list[str], only: list[str]
) -> str:
    columns = [one.column for one in question.dimensions]
    names = [f"max({one}) AS {one}" for one in (_name_column(one, mart) for one in question.dimensions) if one]
    window = question.window
    where = [
        _condition("connection_id", sorted(readable)),
        f"usage_date BETWEEN '{window.first}' AND '{window.end - DAY}'",
        *(_condition(DIMENSIONS[name].column, ids) for name, ids in question.filters),
        *only,
    ]
    groups = ", ".join([*columns, *more])
    conditions = "\n    AND ".join(where)
    return (
        f"SELECT {', '.join([*columns, *names, *more, *sums])}\nFROM marts.{mart.name}\n"
        f"WHERE {conditions}\nGROUP BY {groups}\nORDER BY {groups};"
    )


def _condition(column: str, values: Iterable[str]) -> str:
    """As a person writes it; nothing of ours executes it."""
    quotes = ["'" + value.replace("'", "''") + "'" for value in values]
    return f"{column} IN ({', '.join(quotes)})" if quotes else "false"
