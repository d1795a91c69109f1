"""Asks Superset for the rows of a chart, as the chart itself does, and compares its figures with SQL over the marts."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from instance import Instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.core.errors import ConfigError

FOLDER = Path(__file__).resolve().parent
FIGURES = FOLDER / "figures"
"""A statement for each chart that is one number: the same figure from other marts, or by another way."""
NEAR = Decimal("0.000001")
"""The part by which a figure may differ: Superset sends numbers as floats."""


def bundle(kind: str) -> dict[str, dict[str, Any]]:
    """The files of a kind in boards/superset, by stem."""
    return {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted((FOLDER / "superset" / kind).rglob("*.yaml"))
    }


def rows_of(
    instance: Instance, chart_id: int, dataset_id: int, chart: dict[str, Any], **only: str
) -> list[dict[str, Any]]:
    """The rows that a chart draws, where columns have these values. Raises `ConfigError` when its SQL fails."""
    params = chart["params"]
    aggregates = params.get("query_mode") != "raw"
    columns = [params["x_axis"]] if "x_axis" in params else []
    columns += [params["groupby"]] if isinstance(params.get("groupby"), str) else params.get("groupby", [])
    metrics = params.get("metrics") or ([params["metric"]] if "metric" in params else [])
    filters = [
        {"col": one["subject"], "op": one["operator"], "val": one["comparator"]}
        for one in params["adhoc_filters"]
        if one["expressionType"] == "SIMPLE"
    ]
    filters += [{"col": column, "op": "==", "val": value} for column, value in only.items()]
    conditions = [one["sqlExpression"] for one in params["adhoc_filters"] if one["expressionType"] == "SQL"]
    query = {
        "columns": columns if aggregates else params["all_columns"],
        "filters": filters,
        "extras": {"where": " AND ".join(f"({one})" for one in conditions)},
        "row_limit": params.get("row_limit", 10000),
        "time_range": "No filter",
        **(
            {"metrics": metrics}
            if aggregates
            else {"orderby": [yaml.safe_load(one) for one in params["order_by_cols"]]}
        ),
    }
    question = {
        "datasource": {"id": dataset_id, "type": "table"},
        "queries": [query],
        "form_data": {"slice_id": chart_id, **params},
        "result_format": "json",
        "result_type": "full",
    }
    result = instance.send("POST", "/api/v1/chart/data", json=question).json()["result"][0]
    if result.get("error"):
        raise ConfigError(f"chart {chart['slice_name']!r} failed: {str(result['error'])[:300]}")
    return list(result["data"])


def differences(title: str, sql: str, cursor: Cursor, number: Any, values: dict[str, str]) -> Iterator[str]:
    """A sentence when the number of a chart is not the one that the statement gives."""
    cursor.execute(sql, values)
    (truth,) = cursor.fetchone() or (None,)
    same = truth is None and number is None
    if truth is not None and number is not None:
        same = abs(Decimal(str(number)) - truth) <= abs(truth) * NEAR
    if not same:
        yield f"{title} {values or ''} is {number} on the board and {truth} in the marts"
