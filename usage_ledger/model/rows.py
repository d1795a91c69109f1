"""What an answer means: rows, their days, dimensions and meters.

Paths are segments separated by `/`, read from a row: `group/model_name`. A leading `^` climbs to the element
that holds the row (one per level), `@name` reads a label of the request that brought the page. `*` as a row set's
segment takes each entry of a map; the row's own path `*` is then the entry's key.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from usage_ledger.core.errors import ConfigError
from usage_ledger.model.dimension import Derived, Dimension, Lookup, Pairs
from usage_ledger.model.when import When
from usage_ledger.model.where import Where

Absent = Literal["zero", "null", "error"]
"""What an absent or null value means: `zero` where the format writes no zeros, `null` for "not metered", which is not
zero. Both are an error in a row with an undeclared number that could be the meter under a new name."""


@dataclass(frozen=True, slots=True)
class Meter:
    """A number: one column and its path. Exact."""

    column: str
    path: str
    form: Literal["integer", "decimal"] = "integer"
    """`decimal` reads a number of any form: `918233.0` is whole, and `918233.5` refused where the column is whole."""
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
    where: Where | None = None
    """Only rows that match are read; the meter is null in the others."""
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
class PriceOf:
    """A price on a list of the vendor's, which is whole in each answer: it goes to `ledger.price`.

    It holds from the date on which the list first has it until the list has another one, or none. A blank amount is
    no price, and neither is one below 0, by which a vendor says that it depends.
    """

    model: Dimension
    meter: str | Dimension
    """In the words of a bill's meters."""
    amount: str
    """The path of a number, of a number as text, or of a google.type.Money."""
    per: str | Dimension = "1"
    """How many units the amount is for; of another unit than is declared there is no price, and that is reported."""
    tier: Dimension | Derived | None = None
    """The class of service; blank is `standard`."""
    also: str = ""
    """The path of a list of further ids of the model."""
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class RowSet:
    """One array of an answer and the table it fills; a `table` of '' gives names or prices and has no `when`."""

    path: str
    table: Literal["usage_daily", "cost_daily", ""]
    when: When | None = None
    basis: str = "metered"
    label: str = ""
    """Distinguishes row sets of one array."""
    breakdown: str = ""
    """'' is the record, which may be summed; anything else is another cut of the same traffic."""
    constants: tuple[tuple[str, str], ...] = ()
    where: Where | None = None
    """Only rows that match belong to the row set; the others of the array are known and left out."""
    others: Literal["known", "report"] = "known"
    """`report`: a value that no row set of the array matches is reported, once."""
    dimensions: tuple[Dimension | Pairs | Lookup | Derived, ...] = ()
    meters: tuple[Meter | Money | Count, ...] = ()
    balances: tuple[Balance, ...] = ()
    names: tuple[NameOf, ...] = ()
    prices: tuple[PriceOf, ...] = ()
    ignored: tuple[str, ...] = ()
    """Paths that are declared and not read; any other field that is not declared is reported as new."""
    allow_extra_fields: bool = False
    """A row is read in part on purpose: further fields are not reported."""
    sum_over: tuple[str, ...] = ()
    """Paths outside the identity by which the vendor splits rows, such as a metric and an instant: rows of one identity
    are added up, a null and 5 to 5. Two rows that are equal in these paths too are an error."""
    other_name: str = ""
    """The path of a text in rows that give a figure under another name than the first: a row that has it counts only
    where there is none without it that is equal in the identity and in `sum_over`. What is left out is reported."""
    repeats: bool = False
    """The vendor repeats rows within a page: those are added up, and money is reported. A bucket that comes twice is an
    error."""
    optional: bool = False
    """The vendor leaves out the arrays at `path` when they are empty, as proto3 JSON may. Without it an answer in which
    one is absent or null is broken: a missing list is no empty one."""
    credits: bool = False
    """Lines of a negative amount are credits: rows of their own, of `charge_category` Credit."""
    purchases: bool = False
    """Of `credits`: other lines without a quantity whose meter no rule knows are of `charge_category` Purchase. The
    vendor sends a quantity with whatever was used."""
    skip_when_missing: str = ""
    """A row without a value at this path is skipped, and that is reported."""
    blank_is_idle: bool = False
    """Such a row is how the vendor says that something was idle: no warning."""

    def __post_init__(self) -> None:
        if self.others == "report" and self.where is None:
            raise ConfigError(
                f"the row set {self.path} reports other rows, and all of the array are its own",
                next_step="declare `where`",
            )

    @property
    def name(self) -> str:
        """Part of every row's identity: the path, dotted, and the label."""
        return self.path.replace("/", ".") + (f".{self.label}" if self.label else "")

    def __hash__(self) -> int:
        """Of the name alone: that of all fields would take longer than what is looked up by it."""
        return hash((self.path, self.label))


@dataclass(frozen=True, slots=True)
class Total:
    """The vendor's own total of money over the window, stored as evidence next to the sum of our rows."""

    table: str
    column: str
    path: str
    field: str
    """google.type.Money, in each element of the list at `path`; where that is '', a field of the answer itself."""
    repeated: bool = False
    """Each page of one request has it: it counts once."""


@dataclass(frozen=True, slots=True)
class RunningTotal:
    """Money since the account exists, in a snapshot: between two snapshots it grows by what another report charges.

    A difference is reported, and holds nothing.
    """

    path: str
    """Through objects: `data/total_usage`."""
    of: str
    """A report of UTC days, whose `cost_daily.amount` of the record the growth is compared with."""
