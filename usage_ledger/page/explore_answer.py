"""The answer to a question of the Explore page: the lines of a table with a cost in each currency, and its sums."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from usage_ledger.page.chart import OTHERS, Value
from usage_ledger.page.explore_query import METERS, MOST_SERIES, explore_statement, explore_values
from usage_ledger.page.question import Question
from usage_ledger.page.reader import Reader, Row


@dataclass(slots=True)
class Line:
    """The figures of one id of each dimension. A missing currency, and a meter of None, is nothing, not zero."""

    ids: tuple[str, ...]
    labels: tuple[str, ...]
    settled: bool = True
    costs: dict[str, Decimal] = field(default_factory=dict)
    meters: dict[str, Decimal | None] = field(default_factory=lambda: dict.fromkeys(METERS))
    weight: Decimal | None = None
    """The chosen measure; of costs, that of `Answer.currency`."""

    def add(self, row: Row) -> None:
        """Take over what a row of the statement says: a currency's cost, or the meters."""
        self.settled = self.settled and bool(row["settled"])
        if row["currency"]:
            self.costs[row["currency"]] = row["cost"]
        else:
            self.meters = {meter: row[meter] for meter in METERS}
        if row["weight"] is not None:
            self.weight = row["weight"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The first lines of a table, the sums of all of its lines, and a chart's values."""

    lines: tuple[Line, ...]
    line_count: int
    sums: Line
    currency: str
    """That of the chart and the shares; '' where the measure is no money or there is none."""
    values: tuple[Value, ...]

    @property
    def currencies(self) -> tuple[str, ...]:
        return tuple(sorted(self.sums.costs))

    @property
    def more(self) -> int:
        """How many lines were left out."""
        return self.line_count - len(self.lines)


def answer(reader: Reader, question: Question, readable: Collection[str], most: int) -> Answer:
    """Ask the marts, for at most so many lines, of these connections alone. Raises what `Reader.rows` raises."""
    key = ("explore", question)
    rows = reader.rows_of(explore_statement(question), explore_values(question, readable, most), key)
    lines: dict[int, Line] = {}
    sums, currency, count = Line((), ()), "", 0
    for row in rows:
        if row["kind"] == "row":
            lines.setdefault(row["place"], _line(question, row)).add(row)
        elif row["kind"] == "sum":
            sums.add(row)
            count = row["line_count"]
            currency = row["currency"] if row["weight"] is not None else currency
    values = _values(question, [row for row in rows if row["kind"] == "bar"])
    return Answer(tuple(lines[place] for place in sorted(lines)), count, sums, currency, values)


def _line(question: Question, row: Row) -> Line:
    ids = tuple(row[name] for name in ("first_id", "second_id")[: len(question.by)])
    names = (row["first_name"], row["second_name"])
    return Line(ids, tuple(d.label(i, n or "") for d, i, n in zip(question.dimensions, ids, names, strict=False)))


def _values(question: Question, bars: Sequence[Row]) -> tuple[Value, ...]:
    labels = _series(question, bars)
    return tuple(
        Value(date.fromisoformat(bar["first_id"]), labels[bar["line_count"]], bar["weight"], not bar["settled"])
        for bar in bars
    )


def _series(question: Question, bars: Sequence[Row]) -> Mapping[int, str]:
    """What each series of the chart is called, by its place; of two with one name, each with its id."""
    others = [one for one in question.dimensions if one.name != "day"]
    if not others:
        return {bar["line_count"]: question.measure.replace("_", " ") for bar in bars}
    ids = {bar["line_count"]: bar["second_id"] for bar in bars}
    labels = {bar["line_count"]: others[0].label(bar["second_id"], bar["second_name"] or "") for bar in bars}
    labels |= {place: OTHERS for place in labels if place > MOST_SERIES}
    counts = Counter(labels.values())
    return {place: label if counts[label] == 1 else f"{label} · {ids[place]}" for place, label in labels.items()}
