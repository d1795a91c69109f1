"""What a page must say of itself to be whole, looked at before its load is committed.

Paths go through objects: `job/state`. `*` is each element of a list: `results/*/status`; an empty list has none.
A page that lacks the path is asked for again.
"""

from dataclasses import dataclass
from typing import Literal

from usage_ledger.core.errors import ConfigError

Value = str | int | bool | None
Otherwise = Literal["again", "refuse"]
"""A page with another value is asked for again, or refused until a person looks at it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The value at a path, or that there is none.

    `Mark("jobComplete", is_=True)`; `Mark("unreachable", absent=True)` accepts an absent, null or empty value, and both
    together either. Raises `ConfigError` for neither.
    """

    path: str
    is_: Value = None
    absent: bool = False
    otherwise: Otherwise = "again"
    while_more: Value = None
    """A value that is accepted too while the page names a next page."""
    forbidden: Value = None
    """A value by which the page says that the key may not read this."""

    def __post_init__(self) -> None:
        if self.is_ is None and not self.absent:
            raise ConfigError(f"the mark {self.path} declares no value", next_step="declare `is_`, `absent` or both")


@dataclass(frozen=True, slots=True)
class Echo:
    """The value at a path is the one that was sent: as a query parameter, or in the body at this path.

    Instants, and intervals of them, may be written in another form.
    """

    path: str
    parameter: str
    otherwise: Otherwise = "again"


@dataclass(frozen=True, slots=True)
class Fewer:
    """The list at a path has fewer items than the limit at which the vendor cuts it without a word."""

    path: str
    than: int
    otherwise: Otherwise = "refuse"


@dataclass(frozen=True, slots=True)
class EachOf:
    """The values at a path hold each of those that were sent with commas between them: none is left out."""

    path: str
    parameter: str
    otherwise: Otherwise = "again"


AnyMark = Mark | Echo | Fewer | EachOf
