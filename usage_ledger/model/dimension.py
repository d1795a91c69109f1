"""The columns by which rows are grouped, and where in a row their values are."""

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from usage_ledger.core.errors import ConfigError
from usage_ledger.model.where import Where


@dataclass(frozen=True, slots=True)
class Dimension:
    """A grouping: one column. The first path that has a value wins; null and '' both mean "not sent"."""

    column: str
    paths: tuple[str, ...]
    missing: Literal["blank", "error", "grouped", "required", "zero"] = "blank"
    """When no path is present: '' or an error; `required` refuses a blank value as well. `grouped` is for what the
    request groups by: '' for a row that has none, an error where an undeclared text could be its new name. `zero` is
    for a currency: blank in a row of no money, which has the other rows' currency."""
    form: Literal["text", "last_segment", "path", "upper", "lower", "flag"] = "text"
    """`last_segment` keeps what follows the last `/`, for ids that come both bare and as a full resource name; `path`
    begins with a `/`, for paths that come with it and without; `upper` is for codes that come in lower case, `lower`
    for ids that come in either; `flag` is a JSON boolean: `true`, `false`."""
    values: tuple[tuple[str, str], ...] = ()
    """Vendor's word to ours. Others stay as sent. The row's identity always uses the vendor's."""
    within: str = ""
    """What a full resource name begins with when it is the account's own, such as `accounts/{account}/`."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """A column made of (key path, value path) pairs, rendered `key=value; key=value`."""

    column: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A column whose value a lookup list gives for an id in the row; it is not part of the row's identity."""

    column: str
    path: "str | tuple[str, ...] | Derived"
    """The id, in the row; several paths are joined with `/`. Or a text parsed of the row."""
    items: str
    """The list, in the pages of the source's `lookup`."""
    id: tuple[str, ...]
    """Paths in an item, or labels of its list (`@name`); several are joined with `/`."""
    value: str | tuple[str, ...]
    """Its path in an item; of several the first that has a value."""
    any_case: bool = False
    """The vendor does not tell upper from lower case in ids."""
    prefer: Where | None = None
    """Of items that share an id those that match; where they still differ, the id has no value."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the id, in the row."""
        match self.path:
            case Derived():
                return self.path.paths
            case str():
                return (self.path,)
            case _:
                return self.path


@dataclass(frozen=True, slots=True)
class Rule:
    """What a text that matches a pattern as a whole becomes: a template of the pattern's groups, `\\g<model>`.

    Raises `ConfigError` for a pattern that is none, or a template with a group that the pattern lacks.
    """

    pattern: str
    value: str

    def __post_init__(self) -> None:
        try:
            pattern = re.compile(self.pattern)
        except re.error as error:
            raise ConfigError(f"{self.pattern!r} is no regular expression: {error}") from error
        if lacking := set(re.findall(r"\\g<([^>]*)>", self.value)) - {
            *pattern.groupindex,
            *map(str, range(pattern.groups + 1)),
        }:
            raise ConfigError(f"{self.pattern!r} has no group called {', '.join(sorted(lacking))}")

    def value_of(self, text: str) -> str | None:
        """What a text becomes; None where it does not match."""
        match = re.fullmatch(self.pattern, text)
        if match is None:
            return None
        parts = _parts(self.value)
        if not parts:
            return match.expand(self.value)
        return "".join([match[part] or "" if number % 2 else part for number, part in enumerate(parts)])


@cache
def _parts(template: str) -> list[str]:
    """The texts of a template, and between them its groups; none where it names a group in another way.

    Python itself reads a template anew for each text, which takes longer than to match it.
    """
    parts = re.split(r"\\g<([a-z_]+)>", template)
    return [] if any("\\" in text for text in parts[::2]) else parts


@dataclass(frozen=True, slots=True)
class Derived:
    """A column that we parse from a text of the row; it is not part of the row's identity.

    The first rule that matches counts; of several for one column the first with one that does. A text that none
    matches leaves what a dimension or a constant of the column says, or ''.
    """

    column: str
    path: str | Pairs
    """The text; or pairs as they are rendered."""
    rules: tuple[Rule, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the text, in the row."""
        return (self.path,) if isinstance(self.path, str) else tuple(one for pair in self.path.pairs for one in pair)


def dimensions(**paths: str) -> tuple[Dimension, ...]:
    """Dimensions as text, each a column and its path."""
    return tuple(Dimension(column, (path,)) for column, path in paths.items())


def from_parent(declared: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
    """The same dimensions, read from the element that holds the row."""
    return tuple(replace(one, paths=tuple(f"^{path}" for path in one.paths)) for one in declared)
