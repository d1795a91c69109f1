"""What Great Expectations reports about a table: the rules that are broken, how many rows break them, and some rows."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import great_expectations as gx
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations import expectations as gxe
from tqdm import tqdm

from usage_ledger.core.errors import one_line
from usage_ledger.pipeline.rules import Columns, Rule, count_broken, frame, nothing_broken
from usage_ledger.storage.staged import StagedRows

log = logging.getLogger(__name__)

SAMPLES = 5
LONGEST_ROW = 120
"""Characters, about."""
UNTELLING = frozenset({"load_id", "row_key", "connection_id", "report", "provider", "account_id", "bucket_end"})
"""Columns that are the same in all rows of a load, or say nothing to people."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is broken: its name and its sentence, how many rows break it, some of them."""

    expectation: str
    sentence: str
    count: int
    samples: tuple[str, ...]
    critical: bool
    dates: frozenset[date | None] = frozenset()
    """The usage dates of the rows that break it; empty where it is the table that does."""

    def __str__(self) -> str:
        shown = f", such as {' | '.join(self.samples)}" if self.samples else ""
        return f"{self.short}{shown}"

    @property
    def short(self) -> str:
        """The finding without sample rows."""
        return f"{self.sentence}: {self.count} row{'s' if self.count != 1 else ''}"


def summary(findings: Sequence[Finding]) -> str:
    """One sentence for all: sample rows of the first alone, and at most `SAMPLES` rules."""
    first, *others = findings
    texts = [str(first), *(one.short for one in others[: SAMPLES - 1])]
    texts += [f"and {len(others) - SAMPLES + 1} more rules"] if len(others) >= SAMPLES else []
    return "; ".join(texts)


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a staged table, in the columns that the rules read."""

    rows: pa.Table
    first: int
    """The number of the first row in the table."""
    staged: StagedRows | pa.Table

    def dates(self, indices: Sequence[int]) -> frozenset[date | None]:
        """The usage dates of some rows, where the table has such a column; None for a null."""
        if "usage_date" not in self.rows.column_names:
            return frozenset()
        return frozenset(self.rows.column("usage_date").take(pa.array(indices, pa.int64())).unique().to_pylist())

    def row(self, index: Any, first: Sequence[str] = ()) -> str:
        """A row as `column=value, …`: the columns `first`, then others as far as a line goes; none that is empty."""
        number = int(index if isinstance(index, int) else index["index"])
        row = self.staged.slice(self.first + number, 1).to_pylist()[0]
        names = [*first, *(name for name in row if name not in {*first, *UNTELLING})]
        pairs = [f"{name}={_plain(row[name])}" for name in names if row.get(name) not in (None, "")]
        text = ""
        for pair in pairs:
            if text and len(text) + len(pair) > LONGEST_ROW:
                break
            text += f"{', ' if text else ''}{pair}"
        return one_line(text, LONGEST_ROW)


def all_met(rules: list[Rule], columns: Columns, rows: int) -> bool:
    """Whether no rule is broken. One expectation: each one costs Great Expectations 10 ms, even for few rows."""
    counts = count_broken(rules, columns, rows)
    return bool(_result(counts, [nothing_broken()], {"result_format": "BOOLEAN_ONLY"}).success)


def unmet(rules: list[Rule], columns: Columns, part: Part) -> list[Finding]:
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


def _plain(value: Any) -> str | int:
    return value if isinstance(value, int) else value.isoformat() if isinstance(value, date) else str(value)
