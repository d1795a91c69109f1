"""Calendars of squares: one line per report or currency, one square per date, told by letter as well as by colour."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

SIZE = 14
LEFT = 164
TOP = 18

COVERAGE = {
    "loaded": ("", "good"),
    "empty": ("E", "calm"),
    "held": ("H", "warn"),
    "failed": ("F", "bad"),
    "missing": ("M", "warn"),
}
VERDICTS = {
    "reconciled": ("R", "good"),
    "explained": ("E", "good"),
    "within_bounds": ("W", "calm"),
    "unsettled": ("…", "calm"),
    "no_bill": ("N", "calm"),
    "unpriced": ("U", "warn"),
    "out_of_bounds": ("O", "bad"),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """What a line says of a date; `more` is further text of the square."""

    day: date
    line: str
    word: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Square:
    """A date's square, in pixels."""

    x: int
    letter: str
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """A report or currency: its squares, and in words how many dates have which state."""

    name: str
    y: int
    squares: tuple[Square, ...]
    counts: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """The whole picture; `legend` has letter, tone and word of each state that occurs."""

    lines: tuple[Line, ...]
    days: tuple[tuple[int, str], ...]
    legend: tuple[tuple[str, str, str], ...]
    width: int
    height: int


def calendar(marks: Iterable[Mark], first: date, last: date, words: Mapping[str, tuple[str, str]]) -> Calendar:
    """Squares of the dates `first` to `last`; a date that a line says nothing of has none."""
    by_line: dict[str, list[Mark]] = {}
    for mark in marks:
        by_line.setdefault(mark.line, []).append(mark)
    lines = tuple(
        Line(name, TOP + number * (SIZE + 4), tuple(_square(mark, first, words) for mark in of), _counts(of, words))
        for number, (name, of) in enumerate(sorted(by_line.items()))
    )
    present = {mark.word for of in by_line.values() for mark in of}
    days = (last - first).days + 1
    return Calendar(
        lines,
        tuple((LEFT + number * SIZE, f"{first + timedelta(number):%m-%d}") for number in range(0, days, 7)),
        tuple((letter, tone, word) for word, (letter, tone) in words.items() if word in present),
        LEFT + days * SIZE,
        TOP + len(lines) * (SIZE + 4),
    )


def _square(mark: Mark, first: date, words: Mapping[str, tuple[str, str]]) -> Square:
    letter, tone = words.get(mark.word, ("?", "calm"))
    title = f"{mark.day} {mark.line}: {mark.word.replace('_', ' ')}{', ' if mark.more else ''}{mark.more}"
    return Square(LEFT + (mark.day - first).days * SIZE, letter, tone, title)


def _counts(marks: list[Mark], words: Mapping[str, tuple[str, str]]) -> str:
    """As text: `28 loaded, 1 held`."""
    counts = Counter(mark.word for mark in marks)
    return ", ".join(f"{counts[word]} {word.replace('_', ' ')}" for word in words if counts[word])
