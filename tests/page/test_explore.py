"""The Explore view: every question's figures equal the marts', on the page, in the CSV, and by the SQL it shows."""

import csv
import io
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from kit.explore_ledger import FIRST, READABLE, TODAY, write_ledger
from sqlalchemy import Engine

from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import ROOT
from usage_ledger.page.csv_text import csv_text
from usage_ledger.page.explore import MOST_CSV_LINES, MOST_LINES, explore_csv, explore_html
from usage_ledger.page.explore_answer import Answer, answer
from usage_ledger.page.explore_query import COSTS, USAGES, mart_of, sql_text
from usage_ledger.page.question import DIMENSIONS, MEASURES, MOST_DAYS, MOST_FILTERS, REPEATED, SINGLE, Question
from usage_ledger.page.reader import LIFETIME, TIMEOUT, Reader, TooSlow
from usage_ledger.page.render import money
from usage_ledger.warehouse.engine import transaction

METERS = ("requests", "input_tokens", "cached_input_tokens", "output_tokens")
ORDERED: list[tuple[str, ...]] = [*((name,) for name in DIMENSIONS), *itertools.combinations(DIMENSIONS, 2)]
CHOICES = [*ORDERED, *(by[::-1] for by in ORDERED if len(by) > 1)]
FILTERED: list[dict[str, list[str]]] = [
    {"connection": ["acme"]},
    {"team": ["ads", "(no team)"], "model": ["glm"]},
    {"key": ["(no key)"]},
    {"provider": ["fireworks"], "region": ["eu", "us"], "project": ["p-k1", "(no project)"]},
    {"currency": ["EUR"]},
]
Figures = tuple[dict[tuple[str, ...], Decimal], dict[tuple[str, ...], Any]]


@pytest.fixture(scope="module")
def reader(engine: Engine) -> Reader:
    write_ledger(engine)
    return Reader(engine, timeout=100)


def question_of(by: Iterable[str], only: dict[str, list[str]] | None = None, **more: str) -> Question:
    pairs = [("by", name) for name in by] + [(n, value) for n, values in (only or {}).items() for value in values]
    return Question.of([*pairs, ("from", str(FIRST)), ("to", str(TODAY)), *more.items()], TODAY)


@pytest.fixture(scope="module")
def attribution(reader: Reader, query: Any) -> dict[str, list[dict[str, Any]]]:
    """All that the two marts say that know whose everything is, of the connections that the person may read."""
    columns = [one.column for one in DIMENSIONS.values()]
    rows = {}
    for mart, more in (("spend_attribution", ("currency", "amount")), ("usage_attribution", METERS)):
        names = (*columns, *more)
        text = f"SELECT {', '.join(names)} FROM marts.{mart} WHERE connection_id IN ('acme', 'beta')"
        rows[mart] = [dict(zip(names, row, strict=True)) for row in query(text)]
        assert len(rows[mart]) > 10
    return rows


def truth(attribution: dict[str, list[dict[str, Any]]], by: tuple[str, ...], only: dict[str, list[str]]) -> Figures:
    """Costs by ids and currency, and what was metered by ids, added up here."""
    money = only.get("currency", [])
    allowed = {
        DIMENSIONS[name].column: [re.sub(r"^\(no .*\)$", "", id_) for id_ in ids]
        for name, ids in only.items()
        if name != "currency"
    }
    costs: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    uses: dict[tuple[str, ...], list[Decimal | None]] = defaultdict(lambda: [None] * len(METERS))
    for mart, rows in attribution.items():
        for row in rows:
            if any(row[column] not in ids for column, ids in allowed.items()):
                continue
            ids = tuple(str(row[DIMENSIONS[name].column]) for name in by)
            if mart == "usage_attribution":
                sums = [
                    row[m] if so_far is None else so_far + (row[m] or 0)
                    for m, so_far in zip(METERS, uses[ids], strict=True)
                ]
                uses[ids] = sums
            elif not money or row["currency"] in money:
                costs[(*ids, row["currency"])] += row["amount"]
    return dict(costs), {ids: tuple(row) for ids, row in uses.items() if set(row) != {None}}


def figures(of: Answer) -> Figures:
    costs = {(*line.ids, currency): cost for line in of.lines for currency, cost in line.costs.items()}
    uses = {line.ids: tuple(line.meters.values()) for line in of.lines if set(line.meters.values()) != {None}}
    return costs, uses


@pytest.mark.parametrize("by", CHOICES, ids="-".join)
def test_every_pair_of_dimensions_equals_the_marts(reader: Reader, attribution: Any, by: tuple[str, ...]) -> None:
    """Everything in one order of the two, and with filters in the other."""
    only = {} if by in ORDERED else FILTERED[CHOICES.index(by) % len(FILTERED)]
    expected = truth(attribution, by, only)
    question = question_of(by, only)
    assert figures(answer(reader, question, READABLE, MOST_CSV_LINES)) == expected
    assert parsed(explore_csv(reader, question, READABLE), by) == expected


def parsed(text: str, by: tuple[str, ...]) -> Figures:
    """The figures of a CSV."""
    costs: dict[tuple[str, ...], Decimal] = {}
    uses: dict[tuple[str, ...], Any] = {}
    for row in csv.DictReader(io.StringIO(text)):
        ids = tuple(row[DIMENSIONS[name].column] for name in by)
        costs |= {(*ids, name[5:]): Decimal(cost) for name, cost in row.items() if name.startswith("cost_") and cost}
        uses[ids] = tuple(Decimal(row[meter]) if row[meter] else None for meter in METERS)
    return costs, {ids: row for ids, row in uses.items() if set(row) != {None}}


@pytest.mark.parametrize(
    "by", [("day", "team"), ("key",), ("model", "region"), ("connection", "provider")], ids="-".join
)
def test_the_sql_to_copy_gives_the_same_figures(reader: Reader, engine: Engine, by: tuple[str, ...]) -> None:
    for only in ({}, {"team": ["it's \\ odd", "ads"]}, {"currency": ["EUR"]}):
        question = question_of(by, only)
        costs, uses = answer_of(engine, sql_text(question, READABLE), by)
        assert (costs, uses) == figures(answer(reader, question, READABLE, 1000))


def answer_of(engine: Engine, text: str, by: tuple[str, ...]) -> Figures:
    results = []
    for statement in filter(None, (part.strip() for part in text.split(";"))):
        with transaction(engine) as cursor:
            cursor.execute("SET LOCAL ROLE bi_reader")
            cursor.execute(statement.replace("%", "%%"))
            names = [column.name for column in cursor.description or ()]
            results.append([dict(zip(names, row, strict=True)) for row in cursor.fetchall()])
    costs, uses = results
    columns = [DIMENSIONS[name].column for name in by]
    amounts = {(*(str(row[c]) for c in columns), row["currency"]): row["cost"] for row in costs}
    meters = {tuple(str(row[c]) for c in columns): tuple(row[meter] for meter in METERS) for row in uses}
    return amounts, {key: row for key, row in meters.items() if set(row) != {None}}


@pytest.mark.parametrize("measure", MEASURES)
def test_the_page_shows_the_figures_of_the_answer(reader: Reader, measure: str) -> None:
    question = question_of(("day", "key"), measure=measure)
    of = answer(reader, question, READABLE, 1000)
    html = explore_html(reader, question, READABLE, TODAY)
    cells = re.findall(r'<td class="ul-n"[^>]*>([^<]*)</td>', html)
    width = len(of.currencies) + 1 + len(METERS)
    rows = [cells[place : place + width] for place in range(width - 1, len(cells), width)]  # the sums have no share
    shown = [[*row[: len(of.currencies)], *row[len(of.currencies) + 1 :]] for row in rows]
    assert shown == [
        [*(money(line.costs.get(currency)) for currency in of.currencies),
         *("–" if count is None else f"{count:,}" for count in line.meters.values())]
        for line in of.lines
    ]  # fmt: skip
    assert "<svg" in html
    assert "1,000" not in html, "nothing of a connection that the person may not read"


def test_the_chart_adds_up_to_the_sums(reader: Reader) -> None:
    for by in (("day", "key"), ("team", "day"), ("day",)):
        of = answer(reader, question_of(by), READABLE, 1000)
        assert sum(value.amount for value in of.values) == of.sums.weight == of.sums.costs[of.currency]
        assert of.currency == "USD"
        assert {value.day for value in of.values} <= {FIRST + timedelta(days=n) for n in range(4)}


def test_two_things_of_one_name_are_two_series(reader: Reader) -> None:
    of = answer(reader, question_of(("day", "key"), measure="output_tokens"), READABLE, 1000)
    assert {"web · k1", "web · k2", "(no key)", "(unnamed)"} <= {value.series for value in of.values}


def test_what_is_left_out_of_the_page_is_said_and_the_sums_are_of_all(reader: Reader, monkeypatch: Any) -> None:
    question = question_of(("day", "model"))
    whole = answer(reader, question, READABLE, 1000)
    part = answer(reader, question, READABLE, 3)
    assert (len(part.lines), part.more) == (3, len(whole.lines) - 3)
    assert part.sums == whole.sums
    monkeypatch.setattr("usage_ledger.page.explore.MOST_LINES", 3)
    monkeypatch.setattr("usage_ledger.page.explore.MOST_CSV_LINES", 5)
    assert f"3 of {whole.line_count} lines are shown" in explore_html(reader, question, READABLE, TODAY)
    lines = explore_csv(reader, question, READABLE).splitlines()
    assert len(lines) == 7
    assert lines[-1].strip('"').startswith(f"cut after 5 of {whole.line_count} lines")


def test_the_cheapest_mart_answers() -> None:
    marts = {by: (mart_of(question_of(by), COSTS).name, mart_of(question_of(by), USAGES).name) for by in CHOICES}
    assert marts["day", "provider"] == ("bill_lines", "daily_usage")
    assert marts["day", "team"] == ("daily_cost_by_team", "usage_attribution")
    assert marts["team", "model"] == ("spend_attribution", "usage_attribution")
    assert marts[("key",)] == ("spend_attribution", "usage_attribution")
    assert mart_of(question_of(("day",), {"project": ["p"]}), COSTS).name == "spend_attribution"


def test_a_connection_that_the_person_may_not_read_is_in_no_answer(reader: Reader) -> None:
    for only in ({}, {"connection": ["other"]}):
        for readable in ((), ("acme",)):
            text = explore_csv(reader, question_of(("connection",), only), readable)
            assert "other" not in text
            assert ("acme" in text) is (not only and bool(readable))
    html = explore_html(reader, question_of(("connection",)), ("acme",), TODAY)
    assert "2 connections whose Dags you may not read are not in these figures" in html


def test_a_question_that_takes_too_long_says_what_to_ask_for(reader: Reader, engine: Engine) -> None:
    hasty = Reader(engine, timeout=0.001)
    with pytest.raises(TooSlow, match="fewer days or connections"):
        answer(hasty, question_of(("team", "key")), READABLE, 10)


def test_an_answer_is_reused_unless_it_would_fill_the_memory(engine: Engine, monkeypatch: Any) -> None:
    times: list[object] = []
    ask = Reader._ask
    monkeypatch.setattr(Reader, "_ask", lambda self, *what: times.append(what) or ask(self, *what))
    for most, expected in ((1000, 1), (3, 2)):
        monkeypatch.setattr("usage_ledger.page.reader.MOST_ROWS", most)
        times.clear()
        fresh = Reader(engine, timeout=100)
        assert answer(fresh, question_of(("day",)), READABLE, 9) == answer(fresh, question_of(("day",)), READABLE, 9)
        assert len(times) == expected


# The question


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ([("from", "2026-11-31")], "from is '2026-11-31', which is no date: give it as YYYY-MM-DD."),
        ([("to", "20261101")], "to is '20261101', which is no date: give it as YYYY-MM-DD."),
        ([("from", "２０２６-11-01")], "from is '２０２６-11-01', which is no date: give it as YYYY-MM-DD."),
        ([("from", "2026-11-02"), ("to", "2026-11-01")],
         "the dates 2026-11-02 to 2026-11-01 are reversed: give the first one first."),
        ([("to", "2026-11-21")], "2026-11-21 is in the future: give dates up to 2026-11-20."),
        ([("from", "2025-01-01"), ("to", "2026-11-01")],
         "2025-01-01 to 2026-11-01 are 670 days, and a question has at most 400: ask for fewer days."),
        ([("from", "2026-11-01"), ("from", "2026-11-02")], "from is given more than once: give it once."),
        ([("by", "user")], f"figures cannot be asked by 'user': choose of {', '.join(DIMENSIONS)}."),
        ([("by", "day"), ("by", "day")], "figures are asked by day twice: choose another second one, or none."),
        ([("by", "day"), ("by", "key"), ("by", "team")], "figures are asked by 3 dimensions: choose one or two."),
        ([("measure", "money")], f"there is no measure 'money': choose of {', '.join(MEASURES)}."),
        ([("model", f"m{n}") for n in range(51)], "the question has more than 50 filters: leave some of them out."),
        ([("model", "m" * 501)], "a value of model is 501 characters long: give at most 500."),
        ([("key", "a\0b")], "key holds a character that no id has: leave it out."),
        ([("key", "a\ud800")], "key holds a character that no id has: leave it out."),
    ],
)  # fmt: skip
def test_a_bad_question_is_answered_by_a_sentence(parameters: list[tuple[str, str]], sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Question.of(parameters, TODAY)
    assert str(raised.value) == sentence


def test_a_parameter_that_is_none_is_refused_with_what_there_is() -> None:
    with pytest.raises(
        ConfigError, match=r"a question has no 'teem': give measure, from, to, by, connection, provider"
    ):
        Question.of([("teem", "ads")], TODAY)


def test_an_address_holds_the_whole_question() -> None:
    asked = question_of(("team", "key"), FILTERED[3] | {"currency": ["EUR"], "team": ["a&b=c", "(no team)"]})
    assert Question.of(asked.parameters, TODAY) == asked
    assert Question.of([("by", "day"), ("by", ""), ("model", ""), ("from", "")], TODAY).filters == ()


def test_the_usual_question_is_of_the_last_thirty_days() -> None:
    usual = Question.of([], TODAY)
    assert usual.by == ("day", "connection")
    assert str(usual.window) == "2026-10-21 to 2026-11-19"
    assert str(Question.of([("from", "2026-11-19")], TODAY).window) == "2026-11-19"
    assert str(Question.of([("from", "2026-11-20")], TODAY).window) == "2026-11-20"
    assert str(Question.of([("from", "2025-01-01")], TODAY).window) == "2025-01-01 to 2025-01-30"
    assert str(Question.of([("to", "2025-01-30")], TODAY).window) == "2025-01-01 to 2025-01-30"
    assert str(Question.of([("to", "0001-01-01")], TODAY).window) == "0001-01-01"
    longest = Question.of([("from", str(TODAY - timedelta(days=MOST_DAYS - 1))), ("to", str(TODAY))], TODAY)
    assert longest.window.days == MOST_DAYS


def test_links_narrow_and_widen_a_question() -> None:
    question = question_of(("day", "key"), {"team": ["ads"]})
    assert question.only("key", "k1").without("team", "ads").filters == (("key", ("k1",)),)
    day = question.on_day("2026-11-17")
    assert (day.by, str(day.window)) == (("key",), "2026-11-17")
    assert question_of(("day",)).on_day("2026-11-17").by == ("connection",)


def test_the_manual_names_every_parameter_measure_and_limit() -> None:
    manual = (ROOT / "docs" / "explore.md").read_text(encoding="utf-8")
    table = manual.partition("| Parameter |")[2].partition("## The CSV")[0]
    first = "\n".join(line.split(" | ")[0] for line in table.splitlines())
    assert set(re.findall(r"`(\w+)`", first)) == {*SINGLE, *REPEATED}
    assert set(re.findall(r"`(\w+)`", table)) == {*SINGLE, *REPEATED, *MEASURES}
    limits = manual.partition("## Limits")[2]
    numbers = (MOST_DAYS, MOST_FILTERS, MOST_LINES, MOST_CSV_LINES, int(TIMEOUT), int(LIFETIME))
    assert re.findall(r"\d[\d,]*(?=\s)", limits) == [f"{number:,}" for number in numbers]


# CSV


def test_csv_holds_plain_values() -> None:
    row = (date(2026, 11, 1), Decimal("-0.000000000000000001"), Decimal("1E+3"), 7, None, True, 'a "b", c\nd', "-1")
    assert csv_text(["a", "=b"], [row]) == (
        'a,\'=b\r\n2026-11-01,-0.000000000000000001,1000,7,,true,"a ""b"", c\nd",\'-1\r\n'
    )
