"""Stacked bars per day, as the geometry that the macro `bars` draws."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

MOST_SERIES = 8
OTHERS = "(others)"
WIDTH, HEIGHT = 720, 180


@dataclass(frozen=True)
class Part:
    """One rectangle: of which series, and where."""

    series: str
    colour: str
    x: str
    y: str
    width: str
    height: str
    open: bool
    title: str


@dataclass(frozen=True)
class Label:
    """A text on an axis, at a place in pixels."""

    at: str
    text: str


@dataclass(frozen=True)
class Chart:
    """Bars of some days. `legend` has each series with its colour; `total` is the sum of all values."""

    parts: tuple[Part, ...]
    legend: tuple[tuple[str, str], ...]
    days: tuple[Label, ...]
    values: tuple[Label, ...]
    total: Decimal


@dataclass(frozen=True)
class Value:
    """What a series has on a day; `open` when it may still change."""

    day: date
    series: str
    amount: Decimal
    open: bool = False


def bars(values: Iterable[Value], first: date, last: date, unit: str = "") -> Chart:
    """Bars of every day from `first` to `last`; the largest series by their own name, the rest as one.

    What is below zero is not drawn: a bar of a day shows what was charged, and the table says what was credited.
    """
    values = list(values)
    names = _names(values)
    sums: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    open_days: set[tuple[date, str]] = set()
    for value in values:
        place = (value.day, value.series if value.series in names else OTHERS)
        sums[place] += value.amount
        if value.open:
            open_days.add(place)
    days = [first + timedelta(number) for number in range((last - first).days + 1)]
    tops = {day: sum((max(sums.get((day, name), Decimal()), Decimal()) for name in names), Decimal()) for day in days}
    top = _round_up(max(tops.values(), default=Decimal()))
    step = Decimal(WIDTH) / max(len(days), 1)
    parts = []
    for number, day in enumerate(days):
        base = Decimal(HEIGHT)
        for name, colour in names.items():
            amount = sums.get((day, name), Decimal())
            if amount <= 0:
                continue
            height = amount / top * HEIGHT
            base -= height
            still_open = (day, name) in open_days
            title = f"{day} {name}: {_short(amount)}{unit}{', may still change' if still_open else ''}"
            box = (number * step + 1, base, max(step - 2, Decimal(1)), height)
            x, y, width, tall = map(_pixels, box)
            parts.append(Part(name, colour, x, y, width, tall, still_open, title))
    return Chart(tuple(parts), tuple(names.items()), _days(days, step), _values(top), sum(sums.values(), Decimal()))


def _names(values: list[Value]) -> Mapping[str, str]:
    """The series that are drawn, the largest first, with their colours."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for value in values:
        totals[value.series] += value.amount
    rest = totals.pop(OTHERS, None)  # what the caller has summed up already
    largest = sorted(totals, key=lambda name: (-totals[name], name))
    # By name, so that a series has one colour in all charts of a page that show the same ones.
    colours = {name: f"ul-s{number}" for number, name in enumerate(sorted(largest[:MOST_SERIES]))}
    names = {name: colours[name] for name in largest[:MOST_SERIES]}
    return names | ({OTHERS: "ul-others"} if len(largest) > MOST_SERIES or rest is not None else {})


def _round_up(top: Decimal) -> Decimal:
    """The next of 1, 2, 5, 10, … that is no less; 1 for nothing."""
    if top <= 0:
        return Decimal(1)
    unit = Decimal(1).scaleb(top.adjusted())
    return next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= top)


def _days(days: list[date], step: Decimal) -> tuple[Label, ...]:
    every = max(1, -(-len(days) // 8))
    labels = (Label(_pixels(number * step + step / 2), f"{day:%m-%d}") for number, day in enumerate(days))
    return tuple(label for number, label in enumerate(labels) if number % every == 0)


def _values(top: Decimal) -> tuple[Label, ...]:
    return tuple(Label(_pixels(HEIGHT - HEIGHT * part), _short(top * part)) for part in (Decimal(1), Decimal("0.5")))


def _short(amount: Decimal) -> str:
    """Three digits that matter, with k, M, G or T."""
    for unit, size in (("T", 12), ("G", 9), ("M", 6), ("k", 3)):
        if abs(amount) >= Decimal(1).scaleb(size):
            return f"{_three(amount.scaleb(-size))}{unit}"
    return _three(amount)


def _three(amount: Decimal) -> str:
    rounded = amount if not amount else round(amount, max(0, 2 - amount.adjusted()))
    return f"{rounded.normalize():f}"


def _pixels(value: Decimal) -> str:
    return f"{value:.2f}"
