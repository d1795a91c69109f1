"""The SQL of boards/superset and of docs/boards.md runs against the marts, as the role that BI tools have."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.core.project import ROOT
from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.schema import READER

FOLDER = ROOT / "boards"
SETS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((FOLDER / "superset" / "datasets").rglob("*.yaml"))
}
CHARTS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((FOLDER / "superset" / "charts").rglob("*.yaml"))
}
FIGURES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((FOLDER / "figures").glob("*.sql"))}
PAGE = (ROOT / "docs" / "boards.md").read_text(encoding="utf-8")
QUESTIONS = [text for text in re.findall(r"(?s)```sql\n(.*?)```", PAGE) if text.startswith("SELECT")]
ONE_CURRENCY = "CASE WHEN MIN(currency) = MAX(currency) THEN "
Run = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def reader(engine: Engine) -> Iterator[Cursor]:
    """A cursor that may what bi_reader may."""
    with transaction(engine) as cursor:
        cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(READER)))
        yield cursor


@pytest.mark.parametrize("mart", SETS)
def test_metrics_and_calculated_columns_run(reader: Cursor, mart: str) -> None:
    for metric in SETS[mart]["metrics"]:
        reader.execute(f"SELECT {metric['expression']} FROM marts.{mart}")
    for column in SETS[mart]["columns"]:
        reader.execute(f"SELECT {column.get('expression') or column['column_name']} FROM marts.{mart} LIMIT 0")


@pytest.mark.parametrize("mart", SETS)
def test_columns_have_the_types_of_the_mart(reader: Cursor, mart: str) -> None:
    """Superset filters and formats by them."""
    reader.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'marts' AND table_name = %s",
        (mart,),
    )
    types = dict(reader.fetchall())
    for column in SETS[mart]["columns"]:
        if not column.get("expression"):
            name = column["column_name"]
            assert column["type"].lower() == types[name], name
            assert column["is_dttm"] == (types[name] == "date" or types[name].startswith("timestamp")), name


@pytest.mark.parametrize("stem", CHARTS)
def test_conditions_of_charts_run(reader: Cursor, stem: str) -> None:
    mart = next(one["table_name"] for one in SETS.values() if one["uuid"] == CHARTS[stem]["dataset_uuid"])
    for one in CHARTS[stem]["params"]["adhoc_filters"]:
        if one["expressionType"] == "SQL":
            reader.execute(f"SELECT count(*) FROM marts.{mart} WHERE ({one['sqlExpression']})")


@pytest.mark.parametrize("mart", SETS)
def test_metrics_of_money_are_empty_over_two_currencies(reader: Cursor, mart: str) -> None:
    metrics = [one for one in SETS[mart]["metrics"] if one["expression"].startswith(ONE_CURRENCY)]
    numbers = [
        f'"{column["column_name"]}": 1' for column in SETS[mart]["columns"] if column["type"] in ("NUMERIC", "BIGINT")
    ]
    row = f"SELECT (jsonb_populate_record(NULL::marts.{mart}, %s)).*"
    for metric in metrics:
        for second, empty in (("USD", False), ("EUR", True)):
            values = [f'{{"currency": "{currency}", "team": "", {", ".join(numbers)}}}' for currency in ("USD", second)]
            reader.execute(f"SELECT {metric['expression']} FROM ({row} UNION ALL {row}) AS rows", values)
            assert [value is None for (value,) in reader.fetchall()] == [empty], metric["metric_name"]


def test_every_number_has_a_statement_to_be_compared_with() -> None:
    assert sorted(FIGURES) == sorted(stem for stem, one in CHARTS.items() if one["viz_type"] == "big_number_total")


@pytest.mark.parametrize("stem", FIGURES)
def test_figures_run(reader: Cursor, stem: str) -> None:
    reader.execute(FIGURES[stem], {"currency": "USD"})
    assert len(reader.fetchall()) == 1


def test_the_page_asks_the_questions_of_the_boards() -> None:
    assert len(QUESTIONS) >= 12
    marts = {name for text in QUESTIONS for name in re.findall(r"marts\.(\w+)", text)}
    assert marts == set(SETS)


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_questions_of_the_page_run(reader: Cursor, number: int) -> None:
    reader.execute(QUESTIONS[number])
