"""The view Explore: figures by one or two dimensions, as a chart, a table, SQL to copy, and CSV."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from usage_ledger.core.windows import DAY, Window
from usage_ledger.page import address
from usage_ledger.page.chart import Chart, bars
from usage_ledger.page.connections import hidden_connections
from usage_ledger.page.csv_text import Cell, csv_text
from usage_ledger.page.explore_answer import Answer, answer
from usage_ledger.page.explore_query import METERS, sql_text
from usage_ledger.page.question import DIMENSIONS, FILTERS, MEASURES, MOST_DAYS, Question
from usage_ledger.page.reader import Reader
from usage_ledger.page.render import render

MOST_LINES = 500
"""Lines of the table on the page."""
MOST_CSV_LINES = 100_000
MOST_HINTS = 200
"""Ids that a field of the form offers."""
TITLES = {
    "cost": "Cost",
    "requests": "Requests",
    "input_tokens": "Input tokens",
    "cached_input_tokens": "Cached input",
    "output_tokens": "Output tokens",
}


def explore_html(reader: Reader, question: Question, readable: Collection[str], today: date) -> str:
    """The view. Raises what `Reader.rows` raises."""
    figures = answer(reader, question, readable, MOST_LINES)
    return render(
        "explore.html",
        view="explore",
        question=question,
        answer=figures,
        chart=_chart(question, figures),
        unit=figures.currency if question.measure == "cost" else "",
        shares=_shares(figures),
        dimensions=DIMENSIONS,
        filters=FILTERS,
        measures=MEASURES,
        meters=METERS,
        titles=TITLES,
        hints=_hints(question, figures, readable),
        ranges=_ranges(question, today),
        last=question.window.end - DAY,
        today=today,
        most_days=MOST_DAYS,
        most_csv_lines=MOST_CSV_LINES,
        connections=len(readable),
        hidden=hidden_connections(reader, readable),
        csv=address.fragment("explore.csv", **_named(question)),
        link=lambda other: address.view("explore", **_named(other)),
        sql=sql_text(question, readable),
    )


def explore_csv(reader: Reader, question: Question, readable: Collection[str]) -> str:
    """The same figures, exact, as CSV; its last line says if lines were left out. Raises what `Reader.rows` raises."""
    figures = answer(reader, question, readable, MOST_CSV_LINES)
    header: list[str] = []
    for one in question.dimensions:
        header += [one.column, *([one.name_column] if one.name_column else [])]
    header += [*(f"cost_{currency}" for currency in figures.currencies), *METERS, "settled"]
    return csv_text(header, _cells(question, figures))


def _cells(question: Question, figures: Answer) -> Iterator[list[Cell]]:
    for line in figures.lines:
        cells: list[Cell] = []
        for one, id_, label in zip(question.dimensions, line.ids, line.labels, strict=True):
            cells += [id_, *([label] if one.name_column else [])]
        cells += [line.costs.get(currency) for currency in figures.currencies]
        yield [*cells, *(line.meters[meter] for meter in METERS), line.settled]
    if figures.more:
        left_out = f"cut after {len(figures.lines):,} of {figures.line_count:,} lines"
        yield [f"{left_out}: ask for fewer days, or for less by filters"]


def _named(question: Question) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, value in question.parameters:
        names.setdefault(name, []).append(value)
    return names


def _chart(question: Question, figures: Answer) -> Chart | None:
    """By day; None for another question, or where nothing is known of the measure."""
    if not figures.values:
        return None
    unit = f" {figures.currency}" if figures.currency else ""
    return bars(figures.values, question.window.first, question.window.end - DAY, unit)


def _shares(figures: Answer) -> list[Any]:
    """The part of the chosen measure's sum that each line has; None where the sum is no measure of size."""
    whole = figures.sums.weight
    if not whole or whole < 0:
        return [None for _ in figures.lines]
    return [None if line.weight is None else line.weight / whole for line in figures.lines]


def _hints(question: Question, figures: Answer, readable: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """What a field of the form offers: ids of the lines with their names, and every connection."""
    hints: dict[str, dict[str, str]] = {"connection": {id_: id_ for id_ in sorted(readable)}}
    for line in figures.lines:
        for name, id_, label in zip(question.by, line.ids, line.labels, strict=True):
            hints.setdefault(name, {}).setdefault(id_ or DIMENSIONS[name].label(""), label)
    return {name: list(pairs.items())[:MOST_HINTS] for name, pairs in hints.items() if name in FILTERS}


def _ranges(question: Question, today: date) -> list[tuple[str, Question]]:
    """Ranges that are asked for often, each as the same question of its dates."""
    month = (today - DAY).replace(day=1)
    before = (month - DAY).replace(day=1)
    windows = [
        ("7 days", Window(today - 7 * DAY, today)),
        ("30 days", Window(today - 30 * DAY, today)),
        ("this month", Window(month, today)),
        ("last month", Window(before, month)),
        ("90 days", Window(today - 90 * DAY, today)),
    ]
    return [(text, replace(question, window=window)) for text, window in windows]
