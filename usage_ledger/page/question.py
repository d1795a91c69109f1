"""The question of the Explore page: read from an address, checked, and written back to one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Self

from usage_ledger.core.errors import ConfigError, one_line
from usage_ledger.core.windows import DAY, Window

MOST_DAYS = 400
USUAL_DAYS = 30
MOST_FILTERS = 50
"""Values of filters in one question."""
LONGEST_VALUE = 500
"""Characters of a filter's value: more than any id that a provider has."""
MEASURES = ("cost", "requests", "input_tokens", "cached_input_tokens", "output_tokens")
SINGLE = ("measure", "from", "to")
_a_date = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Dimension:
    """What figures can be asked by: the marts' column of its ids, and that of what a person calls them."""

    name: str
    column: str
    name_column: str = ""
    has_names: bool = False
    """Whether the vendor has names for its ids."""

    def label(self, id_: str, name: str = "") -> str:
        """What a person calls it; never empty."""
        return (name or id_) if id_ else f"(no {self.name})"


DIMENSIONS: Mapping[str, Dimension] = {
    one.name: one
    for one in (
        Dimension("day", "usage_date"),
        Dimension("connection", "connection_id"),
        Dimension("provider", "provider"),
        Dimension("model", "model", "model_name"),
        Dimension("key", "api_key_id", "api_key_name", has_names=True),
        Dimension("team", "team", "team_name"),
        Dimension("project", "project_id", "project_name", has_names=True),
        Dimension("region", "region", "region_name"),
    )
}
FILTERS = tuple(name for name in DIMENSIONS if name != "day")
REPEATED = ("by", *FILTERS, "currency")


@dataclass(frozen=True, slots=True)
class Question:
    """Figures of these dates by one or two dimensions. Of a filter's values any counts, and of the filters all."""

    by: tuple[str, ...]
    window: Window
    measure: str = "cost"
    """What the chart shows and the rows are sorted by."""
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Ids; '' is what has none."""
    currencies: tuple[str, ...] = ()
    """Costs of these alone; all where it is empty."""

    @classmethod
    def of(cls, parameters: Iterable[tuple[str, str]], today: date) -> Self:
        """The question that an address holds; what it leaves out is the usual. Raises `ConfigError`."""
        values: dict[str, list[str]] = {}
        for name, value in parameters:
            if name not in (*SINGLE, *REPEATED):
                allowed = ", ".join((*SINGLE, *REPEATED))
                raise ConfigError(f"a question has no {_short(name)}", next_step=f"give {allowed}")
            if value:  # a field of the form that was left empty
                values.setdefault(name, []).append(_text(name, value))
        if several := [name for name in SINGLE if len(values.get(name, ())) > 1]:
            raise ConfigError(f"{several[0]} is given more than once", next_step="give it once")
        filters = {name: _unique(values.get(name, ())) for name in FILTERS}
        currencies = _unique(values.get("currency", ()))
        if sum(map(len, (*filters.values(), currencies))) > MOST_FILTERS:
            raise ConfigError(f"the question has more than {MOST_FILTERS} filters", next_step="leave some of them out")
        only = {name: values.get(name, [""])[0] for name in SINGLE}
        return cls(
            by=_dimensions(values.get("by", ())),
            window=_window(only["from"], only["to"], today),
            measure=_measure(only["measure"]),
            filters=tuple((name, _ids(name, ids)) for name, ids in filters.items() if ids),
            currencies=currencies,
        )

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The address that holds this question, in one order whatever it was asked in."""
        words = [("by", name) for name in self.by]
        words += [("measure", self.measure), ("from", str(self.window.first)), ("to", str(self.window.end - DAY))]
        words += [(name, id_ or DIMENSIONS[name].label("")) for name, ids in self.filters for id_ in ids]
        return [*words, *(("currency", currency) for currency in self.currencies)]

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return tuple(DIMENSIONS[name] for name in self.by)

    @property
    def columns(self) -> frozenset[str]:
        """The columns of marts that it needs, names apart."""
        return frozenset(DIMENSIONS[name].column for name in (*self.by, *(name for name, _ in self.filters)))

    def only(self, name: str, id_: str) -> Self:
        """The same question of one thing alone."""
        others = [(other, ids) for other, ids in self.filters if other != name]
        return replace(self, filters=tuple(sorted([*others, (name, (id_,))])))

    def on_day(self, day: str) -> Self:
        """The same question of one date, in ISO form: by what it was split into, not by day."""
        first = date.fromisoformat(day)
        by = tuple(name for name in self.by if name != "day") or ("connection",)
        return replace(self, by=by, window=Window(first, first + DAY))

    def in_currencies(self, currencies: Iterable[str]) -> Self:
        """The same question with costs in these currencies alone; in all where there are none."""
        return replace(self, currencies=tuple(currencies))

    def without(self, name: str, id_: str) -> Self:
        """The same question without one value of a filter."""
        left = [(other, tuple(i for i in ids if (other, i) != (name, id_))) for other, ids in self.filters]
        return replace(self, filters=tuple((other, ids) for other, ids in left if ids))


def _short(text: str) -> str:
    return repr(one_line(text, 60))


def _text(name: str, value: str) -> str:
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ConfigError(f"{name} holds a character that no id has", next_step="leave it out")
    if len(value) > LONGEST_VALUE:
        raise ConfigError(
            f"a value of {name} is {len(value):,} characters long", next_step=f"give at most {LONGEST_VALUE}"
        )
    return value


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _ids(name: str, values: Iterable[str]) -> tuple[str, ...]:
    nobody = DIMENSIONS[name].label("")
    return tuple("" if value == nobody else value for value in values)


def _dimensions(names: Iterable[str]) -> tuple[str, ...]:
    chosen = tuple(names) or ("day", "connection")
    if strange := [name for name in chosen if name not in DIMENSIONS]:
        raise ConfigError(
            f"figures cannot be asked by {_short(strange[0])}", next_step=f"choose of {', '.join(DIMENSIONS)}"
        )
    if len(chosen) > 2:
        raise ConfigError(f"figures are asked by {len(chosen)} dimensions", next_step="choose one or two")
    if len(set(chosen)) < len(chosen):
        raise ConfigError(f"figures are asked by {chosen[0]} twice", next_step="choose another second one, or none")
    return chosen


def _measure(name: str) -> str:
    if name and name not in MEASURES:
        raise ConfigError(f"there is no measure {_short(name)}", next_step=f"choose of {', '.join(MEASURES)}")
    return name or MEASURES[0]


def _window(first: str, last: str, today: date) -> Window:
    """Both dates included; the usual days before the last one, which is yesterday, where a date is left out."""
    begins, ends = (_date(word, text) for word, text in (("from", first), ("to", last)))
    usual = timedelta(USUAL_DAYS - 1)
    if ends is None:
        ends = today - DAY if begins is None else max(begins, min(begins + usual, today - DAY))
    if begins is None:
        begins = max(date.min + usual, ends) - usual
    if begins > ends:
        raise ConfigError(f"the dates {begins} to {ends} are reversed", next_step="give the first one first")
    if ends > today:
        raise ConfigError(f"{ends} is in the future", next_step=f"give dates up to {today}")
    if (days := (ends - begins).days + 1) > MOST_DAYS:
        raise ConfigError(
            f"{begins} to {ends} are {days:,} days, and a question has at most {MOST_DAYS}",
            next_step="ask for fewer days",
        )
    return Window(begins, ends + DAY)


def _date(word: str, text: str) -> date | None:
    if not text:
        return None
    try:
        if _a_date.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ConfigError(f"{word} is {_short(text)}, which is no date", next_step="give it as YYYY-MM-DD")
