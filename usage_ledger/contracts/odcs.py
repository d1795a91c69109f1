"""A table's data contract: the one source of its columns, their types, units, keys and rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Role = Literal["key", "dimension", "attribute", "meter"]
PRICE = "currency per unit"
PEAK = "tokens per second"
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `type` is a PostgreSQL type."""

    name: str
    type: str
    role: Role
    required: bool
    description: str
    unit: str = ""
    additive: bool = True
    """False for prices and gauges: never summed over rows or days by a reader."""
    valid_values: tuple[str, ...] = ()
    valid_values_severity: Severity = "error"

    @property
    def default(self) -> str | None:
        """What the warehouse holds where nothing is sent: '' in a dimension. None: there is no default."""
        return "" if self.role == "dimension" else None

    @property
    def precision_and_scale(self) -> tuple[int, int]:
        """Of a `numeric(p,s)` column."""
        precision, scale = self.type.removeprefix("numeric(").removesuffix(")").split(",")
        return int(precision), int(scale)


@dataclass(frozen=True, slots=True)
class Contract:
    """One table."""

    table: str
    schema: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    non_negative: tuple[str, ...] = ()
    at_most: tuple[tuple[str, str], ...] = ()
    """Pairs of meters of which the first is a part of the second."""

    def __hash__(self) -> int:
        """Of the name and the number of columns: that of all their texts would take longer than what is looked up."""
        return hash((self.table, len(self.columns)))

    @property
    def prices(self) -> tuple[str, ...]:
        """The meters that are prices of one unit: rows that are added up keep a price, and never add it."""
        return tuple(column.name for column in self.columns if column.unit == PRICE)

    @property
    def peaks(self) -> tuple[str, ...]:
        """The meters that are the highest rate of a day: of rows that are added up the highest one counts."""
        return tuple(column.name for column in self.columns if column.unit == PEAK)

    def names(self, *roles: Role) -> tuple[str, ...]:
        """The columns of these roles, or all, in contract order."""
        return tuple(column.name for column in self.columns if not roles or column.role in roles)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        return {column.name: column for column in self.columns}[name]


def from_odcs(document: Mapping[str, Any]) -> Contract:
    """A contract from an Open Data Contract Standard 3 document with one schema object.

    Rules beyond the standard's library metrics are `custom` quality rules of engine `usage-ledger`.
    """
    table = document["schema"][0]
    properties = table["properties"]
    keyed = sorted((p["primaryKeyPosition"], p["name"]) for p in properties if p.get("primaryKey"))
    rules = [
        (rule["implementation"].split(": ", 1)[0], _words(rule["implementation"].split(": ", 1)[1]))
        for rule in table.get("quality", ())
        if rule["type"] == "custom" and rule["engine"] == "usage-ledger"
    ]
    return Contract(
        table=table["name"],
        schema=table["physicalName"].split(".")[0],
        description=table["description"],
        grain=table["dataGranularityDescription"],
        columns=tuple(_column(p) for p in properties),
        primary_key=tuple(name for _, name in keyed),
        non_negative=tuple(word for rule, words in rules if rule == "nonNegative" for word in words),
        at_most=tuple((words[0], words[1]) for rule, words in rules if rule == "atMost"),
    )


def _words(listed: str) -> list[str]:
    return [word.strip() for word in listed.strip("[]").split(",")]


def _column(declared: Mapping[str, Any]) -> Column:
    more = {entry["property"]: entry["value"] for entry in declared.get("customProperties", ())}
    if more["role"] not in get_args(Role):
        raise ValueError(f"column {declared['name']}: role {more['role']!r} is not one of {get_args(Role)}")
    values = [rule for rule in declared.get("quality", ()) if rule.get("metric") == "invalidValues"]
    return Column(
        name=declared["name"],
        type=declared["physicalType"],
        role=more["role"],
        required=declared["required"],
        description=declared["description"],
        unit=more.get("unit", ""),
        additive=more.get("additive", True),
        valid_values=tuple(values[0]["arguments"]["validValues"]) if values else (),
        valid_values_severity=values[0]["severity"] if values else "error",
    )
