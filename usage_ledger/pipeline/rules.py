"""The rules of a data contract in Great Expectations' words, and the frame that they look at."""

from collections.abc import Collection, Iterator
from functools import reduce
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations import expectations as gxe

from usage_ledger.contracts.odcs import Column, Contract
from usage_ledger.core.windows import Window
from usage_ledger.reading.identity import distinct_rows

BUCKET_SECONDS = "bucket_seconds"
"""A column of the checked frame alone: how long each bucket is."""
BROKEN = "rules_broken"
"""The column that is looked at first: how many rules a row breaks."""


def of_all_rows(table: Contract, rows: int) -> Iterator[gxe.Expectation]:
    """What only all rows of a load can show."""
    yield gxe.ExpectTableRowCountToEqual(value=rows)
    yield gxe.ExpectCompoundColumnsToBeUnique(column_list=list(table.primary_key))


def nothing_broken() -> gxe.Expectation:
    """Whether any rule is broken, though not which: the one rule about `broken`."""
    return gxe.ExpectColumnDistinctValuesToBeInSet(column=BROKEN, value_set=[0])


def suite_of(
    table: Contract, window: Window | None, bucket_seconds: set[int], *, empty: Collection[str] = ()
) -> Iterator[gxe.Expectation]:
    """The contract's rules, and what the load's window says. An `empty` column has no smallest value."""
    for column in table.columns:
        if column.role == "key":
            yield gxe.ExpectColumnValuesToNotBeNull(column=column.name)
        if column.valid_values:
            yield gxe.ExpectColumnValuesToBeInSet(
                column=column.name, value_set=list(column.valid_values), severity=_severity(column)
            )
    for name in (meter for meter in table.non_negative if meter not in empty):
        yield gxe.ExpectColumnMinToBeBetween(column=name, min_value=0)
    for part, whole in (pair for pair in table.at_most if not {*pair} & {*empty}):
        yield gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=whole, column_B=part, or_equal=True, ignore_row_if="either_value_is_missing"
        )
    if window is not None:
        days = [day.isoformat() for day in window]
        yield gxe.ExpectColumnValuesToBeInSet(column="usage_date", value_set=days)
        yield gxe.ExpectColumnValuesToBeInSet(column=BUCKET_SECONDS, value_set=sorted(bucket_seconds))


def empty_columns(rows: pa.Table) -> list[str]:
    return [name for name in rows.column_names if rows.column(name).null_count == rows.num_rows]


def _severity(column: Column) -> str:
    return "critical" if column.valid_values_severity == "error" else "warning"


def broken(
    table: Contract,
    rows: pa.Table,
    window: Window | None = None,
    bucket_seconds: Collection[int] = (),
    *,
    all_rows: bool = False,
) -> pd.DataFrame:
    """For each row how many rules of `suite_of` it breaks and, of `all_rows` of a load, that a key is there twice."""
    columns, count = _columns(rows), rows.num_rows
    present = {name: column for name, column in columns.items() if column.null_count < count}
    found = [columns[name].is_null() for name in table.primary_key if columns[name].null_count]
    meters = [present[name] for name in table.non_negative if name in present]
    found += [pc.less(meter, pa.scalar(0).cast(meter.type)) for meter in meters]
    for part, whole in table.at_most:
        if {part, whole} <= present.keys():
            found.append(pc.greater(present[part], present[whole]))
    allowed: dict[str, Collection[Any]] = {one.name: one.valid_values for one in table.columns if one.valid_values}
    if window is not None:
        allowed |= {"usage_date": [day.isoformat() for day in window], BUCKET_SECONDS: bucket_seconds}
    for name in allowed.keys() & present.keys():
        values = pa.array([*allowed[name]], present[name].type)
        found.append(pc.and_not(present[name].is_valid(), pc.is_in(present[name], value_set=values)))
    if all_rows and len(distinct_rows(rows.select(table.primary_key))[0]) < count:
        found.append(pa.chunked_array([pa.repeat(True, count)]))
    counts = [one.fill_null(False).cast(pa.int8()) for one in found]
    total = reduce(pc.add, counts, pa.chunked_array([pa.repeat(pa.scalar(0, pa.int8()), count)]))
    return pd.DataFrame({BROKEN: total.to_pandas()})


def frame(rows: pa.Table) -> pd.DataFrame:
    """A pandas frame of the rows, whole numbers whole: nullable integers, decimals as objects, ISO dates.

    Texts are categories: Great Expectations copies the frame for every rule, and codes are cheap to copy. The
    row key, which is all different, becomes its number among the distinct ones: null and repeats stay what they are.
    """
    columns = _columns(rows)
    if "row_key" in columns:
        encoded = columns["row_key"].dictionary_encode()  # one dictionary for all chunks
        columns["row_key"] = pa.chunked_array([chunk.indices for chunk in encoded.chunks], pa.int32())
    nullable = {pa.int64(): pd.Int64Dtype()}
    found: pd.DataFrame = pa.table(columns).to_pandas(types_mapper=nullable.get, strings_to_categorical=True)
    return found


def _columns(rows: pa.Table) -> dict[str, pa.ChunkedArray]:
    """What the rules look at: dates as ISO texts, of a bucket how long it is."""
    columns = {name: rows.column(name) for name in rows.column_names if not name.startswith("bucket_")}
    for field in rows.schema:
        if pa.types.is_date(field.type):
            columns[field.name] = columns[field.name].cast(pa.string())
    if "bucket_start" in rows.column_names:
        elapsed = pc.subtract(rows.column("bucket_end"), rows.column("bucket_start")).cast(pa.int64())
        columns[BUCKET_SECONDS] = pc.divide(elapsed, 1_000_000)
    return columns
