"""The boards of boards/superset say what the marts hold: no Superset and no server is needed to know it.

In their SQL what is written in small letters is a column, what is written in capitals is SQL's own.
"""

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import yaml

from usage_ledger.core.project import ROOT
from usage_ledger.warehouse.marts import mart_comments, mart_name, marts

BUNDLE = ROOT / "boards" / "superset"
KINDS = ("databases", "datasets", "charts", "dashboards")
Files = dict[str, dict[str, Any]]
COLUMNS = ("x_axis", "groupby", "groupbyColumns", "groupbyRows", "all_columns")
METRICS = ("metric", "metrics", "timeseries_limit_metric")
FILTERS, ORDER, SETTINGS = "adhoc_filters", "order_by_cols", "column_config"
LOOKS = {
    *("viz_type", "query_mode", "row_limit", "limit", "order_desc", "time_grain_sqla", "server_pagination"),
    *("y_axis_format", "x_axis_time_format", "table_timestamp_format", "currency_format", "header_font_size"),
    *("subtitle", "subtitle_font_size", "stack", "show_legend", "legendType", "legendOrientation", "legend_type"),
    *("rich_tooltip", "showTooltipTotal", "show_cell_bars", "sort_x_axis", "sort_y_axis", "normalize_across"),
    *("linear_color_scheme", "value_bounds", "show_values", "show_percentage", "left_margin", "bottom_margin"),
    *("xscale_interval", "yscale_interval", "group_others_when_limit_reached"),
}
"""Settings of a chart that name no column: a setting of neither kind fails, so that none is overlooked."""
MONEY = {
    *("amount", "credits", "forecast", "settled_amount", "week_before", "difference", "spent", "spent_settled"),
    *("spent_open", "charged", "rated", "low", "high", "residual", "total", "owned", "no_owner", "unallocated"),
    *("list_amount", "cut_amount", "unit_cost", "cost_per_million_tokens", "old", "new"),
}
ONE_CURRENCY = re.compile(r"CASE WHEN MIN\(currency\) = MAX\(currency\) THEN .+ END", re.DOTALL)


@cache
def bundle() -> Files:
    """Every file by its path without the ending."""
    return {
        path.relative_to(BUNDLE).with_suffix("").as_posix(): yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted(BUNDLE.rglob("*.yaml"))
    }


@cache
def mart_columns() -> dict[str, frozenset[str]]:
    return {mart_name(path): frozenset(mart_comments(path)[1]) for path in marts()}


def of_kind(files: Files, kind: str) -> Files:
    return {name: content for name, content in files.items() if name.startswith(f"{kind}/")}


def words(sql: str) -> set[str]:
    """The columns that an expression names: its words in small letters, outside of texts."""
    return set(re.findall(r"\b[a-z_][a-z_0-9]*\b", re.sub(r"'[^']*'", "", sql)))


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def chart_columns(params: dict[str, Any]) -> set[str]:
    """The columns of its dataset that a chart names."""
    names = {name for key in COLUMNS for name in listed(params.get(key))}
    names |= {yaml.safe_load(one)[0] for one in params.get(ORDER, [])}
    for one in params.get(FILTERS, []):
        names |= words(one["sqlExpression"]) if one["expressionType"] == "SQL" else {one["subject"]}
    return names


def chart_metrics(params: dict[str, Any]) -> set[str]:
    return {name for key in METRICS for name in listed(params.get(key))}


def filters_of(board: dict[str, Any]) -> list[dict[str, Any]]:
    return list(board["metadata"]["native_filter_configuration"])


def placed(board: dict[str, Any]) -> dict[int, str]:
    """The uuid of each chart on a board by the number that the board gives it."""
    parts = [part for part in board["position"].values() if isinstance(part, dict) and part["type"] == "CHART"]
    assert len({part["meta"]["chartId"] for part in parts}) == len(parts), "two charts have one number"
    return {part["meta"]["chartId"]: part["meta"]["uuid"] for part in parts}


# Each fault is a sentence


def column_faults(files: Files) -> Iterator[str]:
    """Every name of a column is one of a mart, or of a calculation over its columns; every metric is of the dataset."""
    datasets = {content["uuid"]: (name, content) for name, content in of_kind(files, "datasets").items()}
    own: dict[str, set[str]] = {}
    for key, (name, content) in datasets.items():
        have = mart_columns().get(content["table_name"], frozenset())
        if content["schema"] != "marts" or content.get("sql") or not have:
            yield f"{name} is no mart"
        calculated = {column["column_name"]: column.get("expression") for column in content["columns"]}
        own[key] = set(calculated)
        named = {column for column, sql in calculated.items() if not sql}
        for sql in [*filter(None, calculated.values()), *(metric["expression"] for metric in content["metrics"])]:
            named |= words(sql)
        named |= {content[key] for key in ("main_dttm_col", "currency_code_column") if content.get(key)}
        yield from (f"{name}: marts.{content['table_name']} has no {column}" for column in sorted(named - have))
    for name, chart in of_kind(files, "charts").items():
        params = chart["params"]
        unknown = set(params) - {*COLUMNS, *METRICS, FILTERS, ORDER, SETTINGS, *LOOKS}
        yield from (f"{name}: what does {key} name?" for key in sorted(unknown))
        dataset = datasets[chart["dataset_uuid"]][1]
        metrics = {metric["metric_name"] for metric in dataset["metrics"]}
        missing = chart_columns(params) - own[chart["dataset_uuid"]]
        missing |= chart_metrics(params) - metrics
        missing |= set(params.get(SETTINGS, {})) - own[chart["dataset_uuid"]] - metrics
        yield from (f"{name}: {dataset['table_name']} has no {one}" for one in sorted(missing))
    for name, board in of_kind(files, "dashboards").items():
        for one in filters_of(board):
            for target in filter(None, one["targets"]):
                if target["column"]["name"] not in own.get(target["datasetUuid"], set()):
                    yield f"{name}: the filter {one['name']} is of no column of a dataset"


def reference_faults(files: Files) -> Iterator[str]:
    """Uuids are made of names, each chart is on the board that its name begins with, and each dataset is used."""
    for name, content in files.items():
        if name != "metadata" and content["uuid"] != str(uuid.uuid5(uuid.NAMESPACE_URL, f"usage-ledger/{name}")):
            yield f"{name}: its uuid is not the one of its name"
    known = {kind: {content["uuid"] for content in of_kind(files, kind).values()} for kind in KINDS}
    used = Counter(chart["dataset_uuid"] for chart in of_kind(files, "charts").values())
    for name, dataset in of_kind(files, "datasets").items():
        if dataset["database_uuid"] not in known["databases"]:
            yield f"{name}: its database is not in the bundle"
        if not used[dataset["uuid"]]:
            yield f"{name}: no chart reads it"
    on_board = {board: set(placed(content).values()) for board, content in of_kind(files, "dashboards").items()}
    for name, chart in of_kind(files, "charts").items():
        if chart["dataset_uuid"] not in known["datasets"]:
            yield f"{name}: its dataset is not in the bundle"
        boards = [board for board, charts in on_board.items() if chart["uuid"] in charts]
        if boards != [f"dashboards/{name.removeprefix('charts/').split('_')[0]}"]:
            yield f"{name} is on {boards}"
        if chart["viz_type"] != chart["params"]["viz_type"]:
            yield f"{name} is of two kinds"
    for name, board in of_kind(files, "dashboards").items():
        if set(placed(board).values()) - known["charts"] or len(set(placed(board).values())) != len(placed(board)):
            yield f"{name} places a chart that is not in the bundle, or one twice"
        yield from (f"{name}: {fault}" for fault in layout_faults(board))


def layout_faults(board: dict[str, Any]) -> Iterator[str]:
    position = {key: part for key, part in board["position"].items() if isinstance(part, dict)}
    for key, part in position.items():
        children = {child: position[child] for child in part.get("children", []) if child in position}
        yield from (
            f"{key} holds {child}, which is not there" for child in part.get("children", []) if child not in position
        )
        for child, there in children.items():
            if there["parents"] != [*part.get("parents", []), key]:
                yield f"{child} does not lie where it says"
        if part["type"] == "ROW" and sum(there["meta"]["width"] for there in children.values()) > 12:
            yield f"{key} is wider than the board"
    inside = {child for part in position.values() for child in part.get("children", [])}
    yield from (f"{key} lies nowhere" for key in position if key not in inside | {"ROOT_ID", "HEADER_ID"})


def scope_faults(files: Files) -> Iterator[str]:
    """A filter reaches exactly the charts whose dataset has its column: elsewhere it does nothing, silently."""
    datasets = {content["uuid"]: content for content in of_kind(files, "datasets").values()}
    charts = {content["uuid"]: content for content in of_kind(files, "charts").values()}
    for name, board in of_kind(files, "dashboards").items():
        for one in filters_of(board):
            for number, key in placed(board).items():
                chart = charts[key]
                columns = {column["column_name"] for column in datasets[chart["dataset_uuid"]]["columns"]}
                if one["filterType"] == "filter_time":
                    able = any(item.get("operator") == "TEMPORAL_RANGE" for item in chart["params"].get(FILTERS, []))
                else:
                    able = one["targets"][0]["column"]["name"] in columns
                excluded = number in one["scope"]["excluded"]
                if able == excluded and not (excluded and not shows_money(chart, datasets)):
                    yield f"{name}: the filter {one['name']} and the chart {chart['slice_name']}"


def secret_faults(files: Files) -> Iterator[str]:
    """No password, no host, and nothing that a connection to the warehouse may do but read."""
    for name, content in files.items():
        for key, value in leaves(content):
            if re.search("password|secret|token$", key, re.IGNORECASE) or re.search(
                "password", str(value), re.IGNORECASE
            ):
                yield f"{name}: {key} may hold a password"
            if "://" in str(value) and not re.fullmatch(r"postgresql\+psycopg2://[a-z_]+@/[a-z_]+", str(value)):
                yield f"{name}: {key} has an address"
    for name, database in of_kind(files, "databases").items():
        for key, value in database.items():
            if key.startswith("allow") and value is not False:
                yield f"{name}: {key}"
        if database.get("allow_dml") is not False:
            yield f"{name} does not refuse to write"


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, str(name))
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one, key)
    else:
        yield key, value


def money_metrics(dataset: dict[str, Any]) -> set[str]:
    if "currency" not in mart_columns()[dataset["table_name"]]:
        return set()
    return {metric["metric_name"] for metric in dataset["metrics"] if words(metric["expression"]) & MONEY}


def shows_money(chart: dict[str, Any], datasets: Files) -> bool:
    dataset = datasets[chart["dataset_uuid"]]
    return bool(chart_metrics(chart["params"]) & money_metrics(dataset) or chart_columns(chart["params"]) & MONEY)


def money_faults(files: Files) -> Iterator[str]:
    """A metric of money is empty over several currencies; a chart of money shows its currency, or lets choose one."""
    datasets = {content["uuid"]: content for content in of_kind(files, "datasets").values()}
    for dataset in datasets.values():
        for metric in dataset["metrics"]:
            guarded = ONE_CURRENCY.fullmatch(metric["expression"])
            if metric["metric_name"] in money_metrics(dataset) and not guarded:
                yield f"{dataset['table_name']}: {metric['metric_name']} adds currencies"
    one_at_a_time = set()
    for board in of_kind(files, "dashboards").values():
        for one in filters_of(board):
            if one["name"] == "Currency":
                values = one["controlValues"]
                if values["multiSelect"] or not values["enableEmptyFilter"] or not values["defaultToFirstItem"]:
                    yield "the filter of currencies does not choose exactly one"
                one_at_a_time |= {
                    key for number, key in placed(board).items() if number not in one["scope"]["excluded"]
                }
    for name, chart in of_kind(files, "charts").items():
        if shows_money(chart, datasets):
            grouped = "currency" in chart_columns(chart["params"])
            if not grouped and chart["uuid"] not in one_at_a_time:
                yield f"{name} shows money of any currency"


CHECKS: list[Callable[[Files], Iterator[str]]] = [
    column_faults, reference_faults, scope_faults, secret_faults, money_faults,
]  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
def test_the_bundle_has_no_fault(check: Callable[[Files], Iterator[str]]) -> None:
    assert list(check(bundle())) == []


def test_there_are_a_database_and_boards() -> None:
    assert list(of_kind(bundle(), "databases")) == ["databases/usage_ledger"]
    assert list(of_kind(bundle(), "dashboards")) == [f"dashboards/{name}" for name in ("health", "spend", "usage")]
    assert set(bundle()) == {"metadata", *(name for kind in KINDS for name in of_kind(bundle(), kind))}


def test_titles_are_unique() -> None:
    """Superset lists charts by title alone."""
    titles = Counter(chart["slice_name"] for chart in of_kind(bundle(), "charts").values())
    assert [title for title, number in titles.items() if number > 1] == []


# What must be noticed


def dataset(files: Files) -> dict[str, Any]:
    return files["datasets/usage_ledger/monthly_spend"]


def chart(files: Files) -> dict[str, Any]:
    return files["charts/spend_months"]


def board(files: Files) -> dict[str, Any]:
    return files["dashboards/spend"]


def currency_filter(files: Files) -> dict[str, Any]:
    return next(one for one in filters_of(board(files)) if one["name"] == "Currency")


def spend(files: Files) -> dict[str, Any]:
    return next(metric for metric in dataset(files)["metrics"] if metric["metric_name"] == "Spend")


def first_condition(files: Files) -> dict[str, Any]:
    return next(iter(files["charts/spend_month_to_date"]["params"][FILTERS]))


FAULTS: dict[str, tuple[Callable[[Files], Iterator[str]], Callable[[Files], Any]]] = {
    "a column of the dataset": (column_faults, lambda files: dataset(files)["columns"][0].update(column_name="gone")),
    "a calculated column": (column_faults, lambda files: dataset(files)["columns"][0].update(expression="UPPER(gone)")),
    "a metric": (column_faults, lambda files: spend(files).update(expression="SUM(gone)")),
    "a mart": (column_faults, lambda files: dataset(files).update(table_name="gone")),
    "a query instead of a mart": (column_faults, lambda files: dataset(files).update(sql="SELECT 1")),
    "another schema": (column_faults, lambda files: dataset(files).update(schema="ledger")),
    "a column of a chart": (column_faults, lambda files: chart(files)["params"]["all_columns"].append("gone")),
    "an order": (column_faults, lambda files: chart(files)["params"][ORDER].append('["gone", true]')),
    "a metric of a chart": (column_faults, lambda files: chart(files)["params"].update(metric="Gone")),
    "a condition": (column_faults, lambda files: first_condition(files).update(sqlExpression="gone > 1")),
    "a setting": (column_faults, lambda files: chart(files)["params"].update(series="month")),
    "how a column looks": (column_faults, lambda files: chart(files)["params"][SETTINGS].update(gone={})),
    "the column of a filter": (
        column_faults,
        lambda files: currency_filter(files)["targets"][0]["column"].update(name="gone"),
    ),
    "two files with one uuid": (reference_faults, lambda files: chart(files).update(uuid=board(files)["uuid"])),
    "a dataset that is not there": (reference_faults, lambda files: chart(files).update(dataset_uuid="gone")),
    "a dataset for nothing": (reference_faults, lambda files: files.pop("charts/health_restatements")),
    "a chart on no board": (reference_faults, lambda files: board(files)["position"].pop("CHART-months")),
    "a chart in no row": (reference_faults, lambda files: board(files)["position"]["ROW-1"]["children"].pop()),
    "a row too wide": (
        reference_faults,
        lambda files: board(files)["position"]["CHART-months"]["meta"].update(width=13),
    ),
    "a filter that is to reach a chart and does not": (
        scope_faults,
        lambda files: currency_filter(files)["scope"]["excluded"].append(1),
    ),
    "a filter on a chart without its column": (
        scope_faults,
        lambda files: filters_of(board(files))[0]["scope"].update(excluded=[]),
    ),
    "a password": (
        secret_faults,
        lambda files: files["databases/usage_ledger"].update(sqlalchemy_uri="postgresql+psycopg2://a:b@/ledger"),
    ),
    "a host": (
        secret_faults,
        lambda files: files["databases/usage_ledger"].update(
            sqlalchemy_uri="postgresql+psycopg2://usage_boards@db.example:5432/ledger"
        ),
    ),
    "another host": (secret_faults, lambda files: board(files).update(description="see https://bi.example/boards")),
    "a connection that writes": (secret_faults, lambda files: files["databases/usage_ledger"].update(allow_dml=True)),
    "a sum of currencies": (money_faults, lambda files: spend(files).update(expression="SUM(amount)")),
    "several currencies at a time": (
        money_faults,
        lambda files: currency_filter(files)["controlValues"].update(multiSelect=True),
    ),
    "money without its currency": (
        money_faults,
        lambda files: (
            chart(files)["params"]["all_columns"].remove("currency"),
            currency_filter(files)["scope"].update(excluded=list(placed(board(files)))),
        ),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_noticed(fault: str) -> None:
    check, spoil = FAULTS[fault]
    files = deepcopy(bundle())
    spoil(files)
    assert list(check(files))
