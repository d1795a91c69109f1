"""What Great Expectations says of a table. It takes seconds to import, so only what asks it imports this module."""

import logging
from collections.abc import Collection, Iterable
from functools import cache
from typing import Any

import great_expectations as gx
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations import expectations as gxe
from tqdm import tqdm

from usage_ledger.core.errors import one_line
from usage_ledger.pipeline.findings import SAMPLES, Finding, Part
from usage_ledger.pipeline.rules import Columns, Rule

log = logging.getLogger(__name__)

BROKEN = "rules_broken"
"""The one column of the frame that is checked first."""


def none_broken(count: int) -> bool:
    """Whether a table breaks no rule, by one expectation of one row: each costs 10 ms, however few rows there are."""
    expectation = gxe.ExpectColumnDistinctValuesToBeInSet(column=BROKEN, value_set=[0])
    return bool(_result(pd.DataFrame({BROKEN: [count]}), [expectation], {"result_format": "BOOLEAN_ONLY"}).success)


def unmet(rules: Collection[Rule], columns: Columns, part: Part) -> list[Finding]:
    """A finding for each rule that is broken."""
    by_name = {rule.name: rule for rule in rules}
    return [
        _finding(result, by_name[result.expectation_config.meta["rule"]], columns, part)
        for result in results(rules, columns)
        if not result.success
    ]


def results(rules: Iterable[Rule], columns: Columns) -> list[Any]:
    """Great Expectations' result for each rule that applies; `expectation_config.meta["rule"]` names the rule."""
    expectations = [rule.expect() for rule in rules if rule.applies(columns)]
    complete = {"result_format": "COMPLETE", "partial_unexpected_count": SAMPLES}
    return list(_result(frame(columns), expectations, complete).results)


def frame(columns: Columns) -> pd.DataFrame:
    """A pandas frame of checked columns: integers nullable, decimals as objects, dates as ISO strings.

    Strings are categories: Great Expectations copies the frame for every rule, and codes are cheap to copy. The
    row key, which is different in most rows, becomes its number among the distinct ones: nulls and repeats remain.
    """
    columns = dict(columns)
    if "row_key" in columns:
        encoded = columns["row_key"].dictionary_encode()  # one dictionary for all chunks
        columns["row_key"] = pa.chunked_array([chunk.indices for chunk in encoded.chunks], pa.int32())
    nullable = {pa.int64(): pd.Int64Dtype()}
    rows: pd.DataFrame = pa.table(columns).to_pandas(types_mapper=nullable.get, strings_to_categorical=True)
    return rows


def _result(checked: pd.DataFrame, expectations: list[gxe.Expectation], result_format: dict[str, Any]) -> Any:
    batch = _batches().get_batch(batch_parameters={"dataframe": checked})
    return batch.validate(gx.ExpectationSuite(name="contract", expectations=expectations), result_format=result_format)


@cache
def _batches() -> Any:
    """Great Expectations' batch definition for frames. Cached, because to create it costs as much as several rules."""
    tqdm.monitor_interval = 0  # no thread: the process that forks tasks must have none
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return (
        context.data_sources.add_pandas("staged")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("load")
    )


def _finding(result: Any, rule: Rule, columns: Columns, part: Part) -> Finding:
    if message := result.exception_info.get("exception_message"):
        log.warning("%s could not be checked: %s", rule.name, one_line(message, 300))
        return Finding(rule.name, f"it could not be checked whether {rule.sentence}", part.rows.num_rows, (), True)
    detail = result.result
    indices = detail.get("unexpected_index_list") or _rows_that_break(rule, columns)
    samples = tuple(part.row(index, rule.columns) for index in indices[:SAMPLES])
    dates = part.dates([int(one if isinstance(one, int) else one["index"]) for one in indices])
    if not samples and "observed_value" in detail:
        samples = (f"observed {detail['observed_value']}",)
    return Finding(
        rule.name,
        rule.sentence,
        detail.get("unexpected_count", len(indices) or part.rows.num_rows),
        samples,
        critical=result.expectation_config.severity != "warning",
        dates=dates,
    )


def _rows_that_break(rule: Rule, columns: Columns) -> list[int]:
    """By Arrow's form: an expectation about a column as a whole, such as its smallest value, names no rows."""
    mask = rule.breaks(columns)
    return [] if isinstance(mask, bool) else [int(n) for n in pc.indices_nonzero(mask.fill_null(False)).to_pylist()]
