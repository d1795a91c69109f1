"""The project's SQL: one statement a file under `include/sql`, bind parameters, identifiers from the contracts."""

from collections.abc import Iterable
from functools import cache
from typing import Literal

from psycopg2 import sql

from usage_ledger.contracts.odcs import Contract
from usage_ledger.core.project import SQL


@cache
def text(name: str) -> str:
    """The statement `include/sql/<name>.sql`."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


@cache
def statement(name: str, contract: Contract | None = None) -> sql.Composable:
    """A statement ready to execute; one written for any fact table is completed from its contract.

    The placeholders `{table}`, `{stage}`, `{columns}`, … become identifiers quoted by psycopg2.
    """
    if contract is None:
        return sql.SQL(text(name))
    return sql.SQL(text(name)).format(**_parts(contract))


def copy_of(
    contract: Contract, names: Iterable[str], *, into: Literal["stage", "table"], form: Literal["csv", "binary"]
) -> sql.Composable:
    """`load/copy` of these columns alone. The others get their default: in the stage that of `defaults`."""
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    return sql.SQL(text("load/copy")).format(into=_parts(contract)[into], columns=columns, form=sql.SQL(form))


def of_columns(name: str, contract: Contract, *columns: str) -> sql.Composable:
    """A statement about one more `{column}` of a fact table, or several with commas between them."""
    return sql.SQL(text(name)).format(**_parts(contract), column=sql.SQL(", ").join(map(sql.Identifier, columns)))


def defaults(contract: Contract, names: Iterable[str]) -> sql.Composable:
    """What the staged table's columns hold where nothing is sent: one bind parameter for each, of its name."""
    clauses = (sql.SQL("ALTER COLUMN {} SET DEFAULT {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in names)
    return sql.SQL("ALTER TABLE {stage} ").format(**_parts(contract)) + sql.SQL(", ").join(clauses)


def copy_out(contract: Contract, names: Iterable[str], alike: Iterable[str]) -> sql.Composable:
    """`load/copy_out` of these columns; of those that are alike one bind parameter each, of its name."""
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    clauses = [sql.SQL("{} IS DISTINCT FROM {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in alike]
    differing = sql.SQL(" OR ").join(clauses or [sql.SQL("false")])
    return sql.SQL(text("load/copy_out")).format(table=_parts(contract)["table"], columns=columns, differing=differing)


@cache
def _parts(contract: Contract) -> dict[str, sql.Composable]:
    names = contract.names()
    content = [name for name in names if name not in (*contract.primary_key, "load_id")]
    meters = contract.names("meter")
    pairs = [
        sql.SQL("({}, current_rows.{}::numeric, staged.{}::numeric)").format(
            sql.Literal(meter), sql.Identifier(meter), sql.Identifier(meter)
        )
        for meter in meters
    ]
    dimensions = [
        sql.SQL("{}, coalesce(staged.{}, current_rows.{})").format(
            sql.Literal(name), sql.Identifier(name), sql.Identifier(name)
        )
        for name in contract.names("dimension")
    ]
    comma = sql.SQL(", ")
    return {
        "table": sql.Identifier(contract.schema, contract.table),
        "stage": sql.Identifier(f"staged_{contract.table}"),
        "changed": sql.Identifier(f"changed_{contract.table}"),
        "columns": comma.join(map(sql.Identifier, names)),
        "assignments": comma.join(
            sql.SQL("{} = staged.{}").format(sql.Identifier(name), sql.Identifier(name))
            for name in (*content, "load_id")
        ),
        "current_content": comma.join(sql.Identifier("current_rows", name) for name in content),
        "staged_content": comma.join(sql.Identifier("staged", name) for name in content),
        "meters": comma.join(pairs),
        "dimensions": comma.join(dimensions),
        "sums": sql.SQL("").join(sql.SQL(", sum({0}) AS {0}").format(sql.Identifier(meter)) for meter in meters),
        "counts": comma.join(sql.SQL("count({})").format(sql.Identifier(meter)) for meter in meters),
        "currency": sql.Identifier("summed", "currency") if "currency" in names else sql.Literal(""),
    }
