"""OpenLineage of a task: what its steps read and wrote, how many rows, of which dates, and how the contract held.

Airflow's OpenLineage provider asks for it, where a team has installed and configured that; nobody else imports this.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import attrs
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    RunFacet,
    base_subset_dataset,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from usage_ledger.airflow.observed import Task
from usage_ledger.connections import Connection
from usage_ledger.contracts.registry import contract, tables
from usage_ledger.core.steps import Step
from usage_ledger.core.windows import DAY
from usage_ledger.pipeline.rules import Rule, rules_of_rows, rules_of_table
from usage_ledger.reading.names import NAMES
from usage_ledger.storage.landing import connection_key

Place = tuple[str, str]
"""A dataset's namespace and name."""


@attrs.define
class LoadsRunFacet(RunFacet):
    """What the task did with each load: its report, its usage dates (both included), and the counts of its steps."""

    connection: str
    provider: str
    loads: list[dict[str, Any]]


@attrs.define
class _Written:
    """What a task wrote to a dataset, of all of its loads."""

    rows: int | None = None
    size: int | None = None
    first: date | None = None
    end: date | None = None


def lineage_of(task: Task) -> OperatorLineage | None:
    """The lineage of a task; None before it knows where it reads and writes. A step that failed has written nothing."""
    connection = task.connection
    if connection is None:
        return None
    inputs: dict[Place, dict[str, Any]] = {}
    outputs: dict[Place, tuple[str, _Written]] = {}
    for step in task.steps:
        for place, facets in _read(task, connection, step):
            inputs[place] = facets or inputs.get(place, {})
        for place, table, rows, size in _written(task, connection, step) if not step.error else ():
            _, written = outputs.setdefault(place, (table, _Written()))
            written.rows = rows if written.rows is None else written.rows + (rows or 0)
            written.size = size if written.size is None else written.size + (size or 0)
            written.first = min(filter(None, (written.first, step.window.first)))
            written.end = max(filter(None, (written.end, step.window.end)))
    return OperatorLineage(
        inputs=[InputDataset(*place, inputFacets=facets) for place, facets in inputs.items()],
        outputs=[_output(place, connection, table, written) for place, (table, written) in outputs.items()],
        run_facets={"usageLedger_loads": LoadsRunFacet(connection.id, connection.provider, list(_loads(task.steps)))},
    )


def _read(task: Task, connection: Connection, step: Step) -> Iterator[tuple[Place, dict[str, Any]]]:
    if step.name == "extract":
        yield (step.origin, f"{connection.id}/{step.report}"), {}
    elif step.name == "transform":
        yield _raw(task, connection, step), {}
    else:
        for table in step.rows:
            yield _staged(task, connection, table), _quality(step, table) if step.name == "validate" else {}


def _written(task: Task, connection: Connection, step: Step) -> Iterator[tuple[Place, str, int | None, int | None]]:
    """Each dataset that a step wrote, its table in the ledger, the rows and the bytes that were written."""
    if step.name == "extract":
        yield _raw(task, connection, step), "", None, step.counts["bytes"]
    elif step.name == "transform":
        yield from ((_staged(task, connection, table), "", rows, None) for table, rows in step.rows.items())
    elif step.name == "load":
        for table in dict.fromkeys((*(_of_ledger(name) for name in step.rows), *step.changed)):
            yield _ledger(task, table), table, step.changed.get(table, 0), None


def _raw(task: Task, connection: Connection, step: Step) -> Place:
    return _stored(task, connection.provider, connection_key(connection.id), step.report)


def _staged(task: Task, connection: Connection, table: str) -> Place:
    """One for all loads, whose files are each in a folder of its own."""
    return _stored(task, "_staged", connection.id, table)


def _stored(task: Task, *names: str) -> Place:
    """A folder of raw storage, by OpenLineage's conventions; what stands before an `@` may be a credential."""
    path = "/".join((str(task.root).rstrip("/"), *names))
    parts = urlsplit(path)
    if not parts.netloc:
        return "file", path
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.lstrip("/")


def _ledger(task: Task, table: str) -> Place:
    url = task.engine.url if task.engine else None
    host = (url and url.host) or ""
    if not host or host.startswith("/"):  # a socket
        host = "localhost"
    return f"postgres://{host}:{(url and url.port) or 5432}", f"{url.database if url else ''}.ledger.{table}"


def _of_ledger(table: str) -> str:
    return "name" if table == NAMES else table


def _output(place: Place, connection: Connection, table: str, written: _Written) -> OutputDataset:
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=written.rows, size=written.size
    )
    output_facets: dict[str, Any] = {"outputStatistics": statistics}
    facets: dict[str, Any] = {}
    if table:
        dated = table in tables()
        condition = _condition(connection, written if dated else _Written())
        output_facets["subset"] = base_subset_dataset.OutputSubsetOutputDatasetFacet(outputCondition=condition)
        if dated:
            fields = [
                schema_dataset.SchemaDatasetFacetFields(name=one.name, type=one.type, description=one.description)
                for one in contract(table).columns
            ]
            facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=fields)
    return OutputDataset(*place, facets=facets, outputFacets=output_facets)


def _condition(connection: Connection, written: _Written) -> Any:
    """The rows of the connection, and of the dates that were written."""
    condition: Any = _compare("connection_id", "EQUAL", connection.id)
    if written.first and written.end:
        for comparison, day in (("GREATER_EQUAL_THAN", written.first), ("LESS_THAN", written.end)):
            other = _compare("usage_date", comparison, str(day))
            condition = base_subset_dataset.BinarySubsetCondition(left=condition, right=other, operator="AND")
    return condition


def _compare(column: str, comparison: str, value: str) -> Any:
    return base_subset_dataset.CompareSubsetCondition(
        left=base_subset_dataset.FieldBaseCompareExpression(field=column),
        right=base_subset_dataset.LiteralCompareExpression(value=value),
        comparison=comparison,
    )


def _quality(step: Step, table: str) -> dict[str, Any]:
    """How many rows validate checked, and each rule of the data contract: whether all rows kept it."""
    window = None if table == NAMES else step.window
    rules = [*rules_of_table(contract(table), step.rows[table]), *rules_of_rows(contract(table), window, ())]
    broken = step.broken[table]
    asserted = [_assertion(rule, success=rule.name not in broken) for rule in rules]
    names = {rule.name for rule in rules}
    asserted += [
        data_quality_assertions_dataset.Assertion(assertion=name, success=False) for name in broken if name not in names
    ]
    return {
        "dataQualityMetrics": data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
            columnMetrics={}, rowCount=step.rows[table]
        ),
        "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=asserted),
    }


def _assertion(rule: Rule, *, success: bool) -> Any:
    columns = rule.columns
    return data_quality_assertions_dataset.Assertion(
        assertion=rule.expectation, success=success, column=columns[0] if len(columns) == 1 else None
    )


def _loads(steps: Iterable[Step]) -> Iterator[dict[str, Any]]:
    for step in steps:
        facts: dict[str, Any] = {
            "step": step.name,
            "report": step.report,
            "from": str(step.window.first),
            "to": str(step.window.end - DAY),
            "load_id": step.load_id,
            **step.counts,
            "tables": step.rows or None,
            "held": [str(day) for day in step.held],
            "failed": [str(day) for day in step.failed],
            "error": step.error,
        }
        yield {name: value for name, value in facts.items() if value not in (None, [], "")}
