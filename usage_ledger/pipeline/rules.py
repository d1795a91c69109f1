"""The rules of a data contract: each one in Arrow, which decides quickly, and as an expectation, which reports."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from usage_ledger.contracts.odcs import Column, Contract
from usage_ledger.core.windows import Window
from usage_ledger.reading.identity import distinct_rows

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

BUCKET_SECONDS = "bucket_seconds"
"""A column of the checked columns alone: the length of each bucket."""
SHOWN = 5
Columns = Mapping[str, pa.ChunkedArray]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule in both of its forms. Neither has a default, so a rule cannot exist in one form alone."""

    expectation: str
    """Great Expectations' type of it."""
    arguments: Mapping[str, Any]
    sentence: str
    """What is wrong with a row that breaks it, for people."""
    breaks: Callable[[Columns], pa.ChunkedArray | bool]
    """Arrow's form: which rows break the rule (null is no), or whether the table as a whole breaks it."""
    needs_values: tuple[str, ...] = ()
    """Columns without which the rule does not apply: a column of nulls has no smallest value."""

    @property
    def name(self) -> str:
        """As findings name the rule: the expectation's type and its columns."""
        keys = ("column", "column_list", "column_A", "column_B")
        columns = ", ".join(str(self.arguments[key]) for key in keys if key in self.arguments)
        return f"{self.expectation}({columns})"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule is about, but those of a whole key."""
        return tuple(self.arguments[key] for key in ("column", "column_B", "column_A") if key in self.arguments)

    def applies(self, columns: Columns) -> bool:
        """Whether each column that the rule needs holds a value."""
        return not any(_is_empty(columns[name]) for name in self.needs_values)

    def expect(self) -> "Expectation":
        """Great Expectations' form; its results carry the rule's name as `meta`. Imports it, which takes seconds."""
        from great_expectations.expectations.registry import get_expectation_impl

        return get_expectation_impl(self.expectation)(**self.arguments, meta={"rule": self.name})


def rules_of_rows(table: Contract, window: Window | None, bucket_seconds: Collection[int]) -> Iterator[Rule]:
    """The contract's rules about rows, and what the load's window adds to them."""
    for column in table.columns:
        if column.role == "key":
            yield _not_null(column.name)
        if column.valid_values:
            yield _in_set(column.name, column.valid_values, severity=_severity(column))
    for name in table.non_negative:
        yield _not_negative(name)
    for part, whole in table.at_most:
        yield _at_most(part, whole)
    if window is not None:
        days = [day.isoformat() for day in window]
        yield _in_set("usage_date", days, sentence="`usage_date` is outside of the load's window")
        yield _in_set(BUCKET_SECONDS, sorted(bucket_seconds), sentence="a bucket is not as long as its day")


def rules_of_table(table: Contract, rows: int) -> Iterator[Rule]:
    """The rules that only all rows of a load can show: their number, and that keys are unique."""
    yield _row_count(table.primary_key[0], rows)
    yield _unique(table.primary_key)


def _not_null(name: str) -> Rule:
    def breaks(columns: Columns) -> pa.ChunkedArray | bool:
        return columns[name].is_null() if columns[name].null_count else False

    return Rule("expect_column_values_to_not_be_null", {"column": name}, f"`{name}` is missing", breaks)


def _in_set(name: str, values: Collection[Any], *, sentence: str = "", **severity: str) -> Rule:
    def breaks(columns: Columns) -> pa.ChunkedArray | bool:
        column = columns[name]
        if _is_empty(column):
            return False
        return pc.and_not(column.is_valid(), pc.is_in(column, value_set=pa.array([*values], column.type)))

    arguments = {"column": name, "value_set": [*values], **severity}
    sentence = sentence or f"`{name}` is none of {_some(values)}"
    return Rule("expect_column_values_to_be_in_set", arguments, sentence, breaks)


def _not_negative(name: str) -> Rule:
    def breaks(columns: Columns) -> pa.ChunkedArray:
        return pc.less(columns[name], pa.scalar(0).cast(columns[name].type))

    arguments = {"column": name, "min_value": 0}
    return Rule("expect_column_min_to_be_between", arguments, f"`{name}` is below zero", breaks, needs_values=(name,))


def _at_most(part: str, whole: str) -> Rule:
    def breaks(columns: Columns) -> pa.ChunkedArray:
        return pc.greater(columns[part], columns[whole])

    pair = {"column_A": whole, "column_B": part, "or_equal": True, "ignore_row_if": "either_value_is_missing"}
    sentence = f"`{part}` is more than `{whole}`, which includes it"
    return Rule("expect_column_pair_values_a_to_be_greater_than_b", pair, sentence, breaks, needs_values=(part, whole))


def _row_count(any_column: str, rows: int) -> Rule:
    def breaks(columns: Columns) -> bool:
        return len(columns[any_column]) != rows

    return Rule(
        "expect_table_row_count_to_equal", {"value": rows}, f"the table has not the {rows} rows of its note", breaks
    )


def _unique(names: tuple[str, ...]) -> Rule:
    def breaks(columns: Columns) -> pa.ChunkedArray | bool:
        keys = pa.table({name: columns[name] for name in names})
        first_occurrences, which = distinct_rows(keys)
        if len(first_occurrences) == keys.num_rows:
            return False
        repeats = np.bincount(which.to_numpy())[which.to_numpy()] > 1
        if all(column.null_count for column in keys.columns):  # a key of nulls alone breaks other rules
            repeats &= reduce(pc.or_, (column.is_valid() for column in keys.columns)).to_numpy()
        return pa.chunked_array([pa.array(repeats)])

    return Rule("expect_compound_columns_to_be_unique", {"column_list": [*names]}, "a key comes more than once", breaks)


def _some(values: Collection[Any]) -> str:
    """The first values, for people."""
    shown = ", ".join(str(value) for value in [*values][:SHOWN])
    return f"{shown}, …" if len(values) > SHOWN else shown


def _severity(column: Column) -> str:
    return "critical" if column.valid_values_severity == "error" else "warning"


def _is_empty(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count == len(column))


def count_broken(rules: Iterable[Rule], columns: Columns) -> int:
    """How often rules are broken, by Arrow's form: a row by each rule that it breaks, the table as a whole likewise."""
    broken = (rule.breaks(columns) for rule in rules if rule.applies(columns))
    return sum(one if isinstance(one, bool) else pc.sum(one).as_py() or 0 for one in broken)


def checked_columns(rows: pa.Table) -> dict[str, pa.ChunkedArray]:
    """The columns that rules read: dates as ISO strings, and the length of each bucket instead of its bounds."""
    columns = {name: rows.column(name) for name in rows.column_names if not name.startswith("bucket_")}
    for field in rows.schema:
        if pa.types.is_date(field.type):
            columns[field.name] = columns[field.name].cast(pa.string())
    if "bucket_start" in rows.column_names:
        elapsed = pc.subtract(rows.column("bucket_end"), rows.column("bucket_start")).cast(pa.int64())
        columns[BUCKET_SECONDS] = pc.divide(elapsed, 1_000_000)
    return columns
