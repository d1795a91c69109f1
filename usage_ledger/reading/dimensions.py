"""Dimensions as Arrow string columns: values as the provider sent them, '' where it sent none."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET

from usage_ledger.core import contract_errors
from usage_ledger.model.dimension import Derived, Dimension, Lookup, Pairs, Rule
from usage_ledger.model.rows import RowSet
from usage_ledger.reading.nested import Rows
from usage_ledger.reading.undeclared import new_name_of_text

Lookups = Mapping[Lookup, Mapping[str, str]]
"""Id to value of each lookup."""
AnyDimension = Dimension | Pairs | Lookup | Derived
CHARGE = "charge_category"


def text_column(rows: Rows, dimension: AnyDimension) -> pa.Array:
    """A dimension's values as the provider sent them; '' where it sent none.

    For a lookup these are the ids, for a derived column the texts that it is parsed from.

    Raises `MissingGroupKey`, `MissingField`, `BadId`.
    """
    match dimension:
        case Pairs():
            column = pa.array(_rendered(rows, dimension), pa.string())
        case Lookup(path=Derived() as text):
            column = parsed(text_column(rows, text), text.rules)
        case Lookup(paths=paths):
            columns = [_first_value(rows, [path]) for path in paths]
            column = pc.binary_join_element_wise(*columns, "/") if len(columns) > 1 else columns[0]
        case Derived(path=Pairs() as pairs):
            column = pa.array(_rendered(rows, pairs), pa.string())
        case Derived(path=str() as path):
            column = _first_value(rows, [path])
        case Dimension(form="flag"):
            flags = {True: "true", False: "false", None: ""}
            column = pa.array(map(flags.__getitem__, rows.column(dimension.paths[0])), pa.string())
        case Dimension(missing="blank", form="text"):
            column = _first_value(rows, dimension.paths)
        case Dimension():
            column = pa.array(_checked_values(rows, dimension), pa.string())
    if (number := pc.index(pc.match_substring(column, "\0"), True).as_py()) >= 0:
        raise contract_errors.BadId(f"{rows.place(number)}: the value of `{dimension.column}` holds a NUL character")
    return column


def _first_value(rows: Rows, paths: Sequence[str]) -> pa.Array:
    column = pa.array(rows.column(paths[0]), pa.string()).fill_null("")
    for path in paths[1:]:
        other = pa.array(rows.column(path), pa.string()).fill_null("")
        column = pc.if_else(pc.equal(column, ""), other, column)
    return column


def _checked_values(rows: Rows, dimension: Dimension) -> list[str]:
    """The values of a dimension that must be present, or whose form changes."""
    values: list[Any] = rows.column(dimension.paths[0])
    for path in dimension.paths[1:]:
        others = rows.column(path)
        if not all(values) and any(others):
            values = [
                value or (value if other is UNSET else other) for value, other in zip(values, others, strict=True)
            ]
    if not all(values):
        _refuse_blank(rows, dimension, values)
        values = [value or "" for value in values]
    if dimension.form == "text":
        return values
    formed = {value: in_form(dimension, value) for value in set(values)}
    return [formed[value] for value in values]


def in_form(dimension: Dimension, value: str) -> str:
    """A text of the provider's in the form in which a dimension holds it."""
    match dimension.form:
        case "last_segment":
            return value.rsplit("/", 1)[-1]
        case "path":
            return f"/{value.removeprefix('/')}" if value else ""
        case "upper":
            return value.upper()
        case "lower":
            return value.lower()
        case _:
            return value


def _refuse_blank(rows: Rows, dimension: Dimension, values: list[Any]) -> None:
    path = dimension.paths[0].replace("/", ".")
    if dimension.missing == "grouped" and rows.page is not None:
        _refuse_new_name(rows, dimension, values)
    if dimension.missing in ("error", "required") and UNSET in values:
        place = rows.place(values.index(UNSET))
        raise contract_errors.MissingGroupKey(f"{place}.{path} is absent, though the request groups by it")
    if dimension.missing == "required":
        place = rows.place(next(number for number, value in enumerate(values) if not value))
        raise contract_errors.MissingField(f"{place}.{path} is empty")


def _refuse_new_name(rows: Rows, dimension: Dimension, values: list[Any]) -> None:
    """Refuse a row that lacks a grouping and has an undeclared one: its rows would be taken for one another."""
    for number in [number for number, value in enumerate(values) if value is UNSET]:
        names = [new_name_of_text(path, rows.undeclared(number)) for path in dimension.paths]
        if name := next(filter(None, names), ""):
            path = dimension.paths[0].replace("/", ".")
            raise contract_errors.MissingGroupKey(
                f"{rows.place(number)}.{path} is absent, and undeclared `{name}` could be its new name"
            )


def resolve(column: pa.Array, dimension: AnyDimension, lookups: Lookups) -> pa.Array:
    """The column as the ledger holds it: the provider's values mapped to ours, ids and texts to values or ''."""
    match dimension:
        case Lookup():
            listed = lookups.get(dimension, {})
            ids = (value.lower() if dimension.any_case else value for value in column.to_pylist())
            return pa.array([listed.get(one, "") for one in ids], pa.string())
        case Derived(rules=rules):
            return parsed(column, rules)
        case Dimension(values=values):
            for sent, ours in values:
                column = pc.if_else(pc.equal(column, sent), ours, column)
    return column


def parsed(column: pa.Array, rules: Sequence[Rule]) -> pa.Array:
    """What each text is by the rules; '' where none matches."""
    texts = column.dictionary_encode()
    values = [_parsed(text, rules) for text in texts.dictionary.to_pylist()]
    return pa.array(values, pa.string()).take(texts.indices)


def derived_columns(rows: Rows, others: Mapping[str, pa.Array], constants: Mapping[str, str]) -> dict[str, pa.Array]:
    """The columns that are parsed: where no rule matches, what the others or the constants have of the column."""
    columns: dict[str, pa.Array] = {}
    for one in reversed([one for one in rows.row_set.dimensions if isinstance(one, Derived)]):
        values = parsed(text_column(rows, one), one.rules)
        other = columns.get(one.column, others.get(one.column, constants.get(one.column, "")))
        columns[one.column] = pc.if_else(pc.equal(values, ""), other, values)
    return columns


def charge_categories(row_set: RowSet, sent: pa.Array, columns: Mapping[str, pa.Array], usual: str) -> pa.Array:
    """The category of each line: that of a credit, of a purchase, or the usual one."""
    others: Any = usual
    if row_set.purchases:
        bought = pc.and_(pc.is_null(columns["quantity"]), pc.equal(columns["meter"], ""))
        others = pc.if_else(bought, "Purchase", usual)
    return pc.if_else(pc.equal(sent, ""), others, sent)


def _parsed(text: str, rules: Sequence[Rule]) -> str:
    """The value of the first rule that matches; '' without one."""
    return next((value for rule in rules if (value := rule.value_of(text)) is not None), "")


def _rendered(rows: Rows, dimension: Pairs) -> list[str]:
    pairs = [(rows.column(key), rows.column(value)) for key, value in dimension.pairs]
    return ["; ".join(f"{keys[n]}={values[n] or ''}" for keys, values in pairs if keys[n]) for n in range(len(rows))]
