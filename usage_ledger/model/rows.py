"""What an answer means: rows, their days, dimensions and meters.

Paths are segments separated by `/`, read from a row: `group/model_name`. A leading `^` climbs to the element
that holds the row (one per level), `@name` reads a label of the request that brought the page. `*` as a row set's
segment takes each entry of a map; the row's own path `*` is then the entry's key.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from usage_ledger.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Dimension:
    """A grouping: one column. The first path that has a value wins; null and '' both mean "not sent"."""

    column: str
    paths: tuple[str, ...]
    missing: Literal["blank", "error", "grouped", "required", "zero"] = "blank"
    """When no path is present: '' or an error; `required` refuses a blank value as well. `grouped` is for what the
    request groups by: '' for a row that has none, an error where an undeclared text could be its new name. `zero` is
    for a currency: blank in a row of no money, which has the other rows' currency."""
    form: Literal["text", "last_segment", "upper", "flag"] = "text"
    """`last_segment` keeps what follows the last `/`, for ids that come both bare and as a full resource name; `upper`
    is for codes that come in lower case; `flag` is a JSON boolean: `true`, `false`."""
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
    path: str
    """The id, in the row."""
    items: str
    """The list, in the pages of the source's `lookup`."""
    id: tuple[str, ...]
    """Paths in an item; several are joined with `/`."""
    value: str


def dimensions(**paths: str) -> tuple[Dimension, ...]:
    """Dimensions as text, each a column and its path."""
    return tuple(Dimension(column, (path,)) for column, path in paths.items())


def from_parent(declared: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
    """The same dimensions, read from the element that holds the row."""
    return tuple(replace(one, paths=tuple(f"^{path}" for path in one.paths)) for one in declared)


Absent = Literal["zero", "null", "error"]
"""What an absent or null value means: `zero` where the format writes no zeros, `null` for "not metered", which is not
zero. Both are an error in a row with an undeclared number that could be the meter under a new name."""


@dataclass(frozen=True, slots=True)
class Meter:
    """A number: one column and its path. Exact."""

    column: str
    path: str
    form: Literal["integer", "decimal"] = "integer"
    spellings: tuple[str, ...] = ()
    """Other names of the path: the one that has a value counts; two that differ are an error."""
    plus: tuple[str, ...] = ()
    """Further paths whose values are added. With `absent="null"` absent ones are skipped."""
    others: str = ""
    """An object whose undeclared numbers are parts of the meter too (`cache_creation`): they are added."""
    unread: str = ""
    """A pattern of undeclared numbers (`*input_tokens`) that may be parts of the meter: their date is refused."""
    scale: Decimal = Decimal(1)
    """The vendor's unit in the column's unit: 0.01 for cents in a column of dollars."""
    elapsed: tuple[str, str] | None = None
    """A duration: when the path is absent, the seconds between the instants at these two paths, if both are present.
    Clocks that disagree may make it negative: it is then 0, and reported."""
    absent: Absent = "error"
    exact: bool = True
    """False for a source with more places than the column: rounded half-even, and reported."""
    double: bool = False
    """The vendor's type is a binary float: its digits beyond the column's places are noise, and not reported."""


@dataclass(frozen=True, slots=True)
class Money:
    """A meter of google.type.Money: an object with `units`, `nanos` and `currencyCode`. Exact."""

    column: str
    path: str
    absent: Absent = "error"


@dataclass(frozen=True, slots=True)
class Count:
    """A meter that is 1 a row."""

    column: str


@dataclass(frozen=True, slots=True)
class Balance:
    """Fields of one row that must add up to another; checked where all are present."""

    total: str
    parts: tuple[str, ...]
    promised: bool = True
    """False when the vendor does not say so: a difference is then reported, and the rows are loaded."""


@dataclass(frozen=True, slots=True)
class NameOf:
    """A readable name that a row carries for an id; it goes to `ledger.name`, never on a fact."""

    kind: str
    id: str
    name: str
    owner: str | tuple[str, ...] = ""
    parent: str | tuple[str, ...] = ""
    """A path, or several: the first that has a value wins."""
    tags: str | tuple[str, ...] = ""
    """The path of an object, or those of texts, each of which becomes a tag of its name."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Rows belong to a time slice of the vendor: the paths of its start and end."""

    start: str
    end: str
    clock: Literal["rfc3339", "epoch"] = "rfc3339"
    """`epoch` is whole seconds since 1970."""
    every_day: bool = False
    """The vendor sends a bucket for each date asked for, without rows where nothing was used: a date whose bucket did
    not come was not read. The bounds must be those of an element that holds the rows (`^`)."""

    def __post_init__(self) -> None:
        if self.every_day and not (self.start.startswith("^") and self.end.startswith("^")):
            raise ConfigError(
                f"a bucket at {self.start} is declared for every date, but a date without rows would have none",
                next_step="declare `every_day` where an element above the rows holds the bounds",
            )


@dataclass(frozen=True, slots=True)
class Day:
    """Rows belong to a UTC date at this path, with or without the time 00:00."""

    path: str


@dataclass(frozen=True, slots=True)
class Moment:
    """Rows are events, at the instant at this path (RFC 3339).

    Events of a day with the same dimensions are added up to one row; events of other days are left out.
    """

    path: str
    event_id: str
    """The path of an event's id; when several answers hold an event, the first counts."""
    completion: str = ""
    """A path that has a value once the event has ended: a day with events that have none there is not settled."""


When = Bucket | Day | Moment


@dataclass(frozen=True, slots=True)
class RowSet:
    """One array of an answer and the table it fills; a `table` of '' gives names alone and has no `when`."""

    path: str
    table: Literal["usage_daily", "cost_daily", ""]
    when: When | None = None
    basis: str = "metered"
    label: str = ""
    """Distinguishes row sets of one array."""
    breakdown: str = ""
    """'' is the record, which may be summed; anything else is another cut of the same traffic."""
    constants: tuple[tuple[str, str], ...] = ()
    dimensions: tuple[Dimension | Pairs | Lookup, ...] = ()
    meters: tuple[Meter | Money | Count, ...] = ()
    balances: tuple[Balance, ...] = ()
    names: tuple[NameOf, ...] = ()
    ignored: tuple[str, ...] = ()
    """Paths that are declared and not read; any other field that is not declared is reported as new."""
    allow_extra_fields: bool = False
    """A row is read in part on purpose: further fields are not reported."""
    sum_over: tuple[str, ...] = ()
    """Paths outside the identity by which the vendor splits rows: those are added up. Any other repeat is an error."""
    repeats: bool = False
    """The vendor repeats rows within a page: those are added up, and money is reported. A bucket that comes twice is an
    error."""
    optional: bool = False
    """The vendor leaves out the arrays at `path` when they are empty, as proto3 JSON may. Without it an answer in which
    one is absent or null is broken: a missing list is no empty one."""
    credits: bool = False
    """Lines of a negative amount are credits: rows of their own, of `charge_category` Credit."""
    skip_when_missing: str = ""
    """A row without a value at this path is skipped, and that is reported."""

    @property
    def name(self) -> str:
        """Part of every row's identity: the path, dotted, and the label."""
        return self.path.replace("/", ".") + (f".{self.label}" if self.label else "")


@dataclass(frozen=True, slots=True)
class Total:
    """The vendor's own total of money over the window, stored as evidence next to the sum of our rows."""

    table: str
    column: str
    path: str
    field: str
    """google.type.Money, in each element of the list at `path`."""


@dataclass(frozen=True, slots=True)
class RunningTotal:
    """Money since the account exists, in a snapshot: between two snapshots it grows by what another report charges.

    A difference is reported, and holds nothing.
    """

    path: str
    """Through objects: `data/total_usage`."""
    of: str
    """A report of UTC days, whose `cost_daily.amount` of the record the growth is compared with."""
