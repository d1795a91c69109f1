"""The words in which a provider is declared. A provider is data: these classes, filled in, and nothing else.

Paths are segments separated by `/`, read from a row: `group/model_name`. A leading `^` climbs to the element
that holds the row (one per level), `@name` reads a label of the request that brought the page. `*` as a row set's
segment takes each entry of a map; the row's own path `*` is then the entry's key.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True)
class Lookup:
    """A value that a list beside the rows tells of an id: resolved by us, so no part of a row's identity."""

    items: str
    """The list, in the pages of the report's `beside`."""
    id: tuple[str, ...]
    """Paths in an item; several are joined with `/`."""
    value: str


@dataclass(frozen=True, slots=True)
class Dimension:
    """What is grouped: one column. The first path that is present wins; null and '' both mean "not told"."""

    column: str
    paths: tuple[str, ...] = ()
    missing: Literal["blank", "error", "required"] = "blank"
    """What it means when no path is present: not told, or a broken answer; `required` refuses a blank value as well."""
    form: Literal["text", "last_segment", "upper", "flag"] = "text"
    """`last_segment` keeps what follows the last `/`, for ids that come both bare and as a full resource name; `upper`
    is for codes that come in lower case; `flag` is a JSON boolean: `true`, `false`."""
    values: tuple[tuple[str, str], ...] = ()
    """Vendor's word to ours. Others are kept as sent. The row's identity always uses the vendor's."""
    within: str = ""
    """What a full resource name begins with when it is the account's own, such as `accounts/{account}/`."""
    pairs: tuple[tuple[str, str], ...] = ()
    """Instead of paths: (key path, value path) pairs, rendered `key=value; key=value`."""
    lookup: Lookup | None = None
    """The path's value is an id; what is told of it is the dimension."""


def dimensions(**paths: str) -> tuple[Dimension, ...]:
    """Dimensions as text, each a column and its path."""
    return tuple(Dimension(column, (path,)) for column, path in paths.items())


def above(told: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
    """The same dimensions, read from the element that holds the row."""
    return tuple(replace(one, paths=tuple(f"^{path}" for path in one.paths)) for one in told)


@dataclass(frozen=True, slots=True)
class Meter:
    """What is counted: one column and where it is read."""

    column: str
    path: str = ""
    form: Literal["integer", "decimal", "money", "count"] = "integer"
    """`money` is google.type.Money (units, nanos); `count` is 1 a row. All are exact."""
    plus: tuple[str, ...] = ()
    """Further paths whose values are added. With `absent="null"` those that are there."""
    scale: Decimal = Decimal(1)
    """What one of the vendor's units is in the column's: cents of dollars are 0.01."""
    between: tuple[str, str] | None = None
    """Where the path is absent: the seconds between the instants at these two paths, where both are there."""
    absent: Literal["zero", "null", "error"] = "error"
    """What an absent or null value means. Null is "not metered", which is not zero."""
    exact: bool = True
    """False for a source that is a binary float by declaration: rounded half-even to the column's places."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Fields of one row that must add up to another; checked where all are present."""

    total: str
    parts: tuple[str, ...]
    promised: bool = True
    """False when the vendor does not say so: a difference is then told, and the rows are loaded."""


@dataclass(frozen=True, slots=True)
class NameOf:
    """A readable name that a row carries for an id; it goes to `ledger.name`, never on a fact."""

    kind: str
    id: str
    name: str
    owner: str = ""
    parent: str = ""
    tags: str = ""


@dataclass(frozen=True, slots=True)
class RowSet:
    """One array of an answer and the table it fills."""

    path: str
    table: Literal["usage_daily", "cost_daily", ""]
    basis: str = "metered"
    label: str = ""
    """Tells row sets of one array apart."""
    bucket: tuple[str, str] = ("", "")
    """Paths of the bucket's start and end."""
    clock: Literal["text", "epoch"] = "text"
    """Of the bucket: RFC 3339, or whole seconds since 1970."""
    day: str = ""
    """Instead of a bucket: the path of a UTC date, which may have a midnight behind it."""
    moment: str = ""
    """Instead of a bucket: the path of the instant at which a row happened. Rows are events: those that are alike in
    their dimensions are added up to one a day; the others in an answer, of other days, are left out."""
    event: str = ""
    """The path of an event's id; of several answers that tell of one event the first stands."""
    breakdown: str = ""
    """'' is the record, which adds up once; anything else is another cut of the same traffic."""
    constants: tuple[tuple[str, str], ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    meters: tuple[Meter, ...] = ()
    balances: tuple[Balance, ...] = ()
    names: tuple[NameOf, ...] = ()
    ignored: tuple[str, ...] = ()
    """Paths that are known and not read; any other field that is not declared is noted as new."""
    open_row: bool = False
    """A row is read in part on purpose: what else it holds is no news."""
    sum_over: tuple[str, ...] = ()
    """Paths outside the identity by which the vendor splits rows: those are added up. Any other repeat is an error."""
    repeats: bool = False
    """The vendor repeats rows within a page: those are added up. A bucket that comes twice is an error."""
    needs: str = ""
    """A row without a value at this path says nothing for the table: it is left out, and that is told."""
    open: tuple[str, tuple[str, ...]] = ("", ())
    """A path and its values of rows that are not over: a day with such rows is not settled."""

    @property
    def name(self) -> str:
        """Part of every row's identity: the path, dotted, and the label."""
        return self.path.replace("/", ".") + (f".{self.label}" if self.label else "")


@dataclass(frozen=True, slots=True)
class Total:
    """The vendor's own total of money over the window, kept as evidence beside the sum of our rows."""

    table: str
    column: str
    path: str
    field: str
    """google.type.Money, in each element of the list at `path`."""


@dataclass(frozen=True, slots=True)
class Paging:
    """How the next page is asked for: by a token, by the address that a page names, or by an offset."""

    cursor: str = ""
    """The field with the token of the next page, and the parameter that sends it."""
    parameter: str = ""
    more: str = ""
    """A field that says whether there is a next page: when it is true, the token must be there."""
    link: str = ""
    """Instead: the field with the next page's address, whose path and query alone are used."""
    page: int = 0
    """Instead: pages have so many items (the list `cursor`), and `parameter` skips those that came."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A paged list of things with ids, asked before a report that is asked once per thing.

    `path` may hold the label of the listing that it is `within`.
    """

    path: str
    items: str
    """The list; '' is the answer itself."""
    id: str
    """'' when the items tell none."""
    label: str
    parameters: tuple[tuple[str, str], ...] = ()
    paging: Paging | None = None
    single: bool = False
    """There is one thing, an object, and no list."""
    within: "Listing | None" = None
    """Asked once for each thing of another list."""


@dataclass(frozen=True, slots=True)
class Report:
    """One usage, cost or name endpoint: how to ask, and what its rows mean.

    `path` and `parameters` may hold `{account}`, `{start}` and `{end}` (RFC 3339), `{start_epoch}` and `{end_epoch}`
    (seconds since 1970), `{date}` (the first date), `{zone}`, and the labels of `per`.
    """

    name: str
    path: str
    row_sets: tuple[RowSet, ...]
    parameters: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    day: Literal["zone", "UTC"] = "zone"
    longest: timedelta = timedelta(days=31)
    reach: timedelta | None = None
    """How far back the vendor answers; older dates are not looked for by themselves."""
    date_labels: bool = False
    """Buckets of a zone may also come as the local date at 00:00 UTC; accepted, and noted."""
    settle_days: int = 3
    paging: Paging | None = None
    per: Listing | None = None
    beside: Listing | None = None
    """Landed with the rows, for look-ups."""
    snapshot: bool = False
    """Without days: landed daily, because yesterday's cannot be fetched tomorrow."""
    cut: tuple[str, ...] = ()
    """Paths (`items/*/field`) dropped before anything is stored."""
    pseudonyms: tuple[str, ...] = ()
    """Paths of what names a person: replaced by a keyed hash before anything is stored."""
    ignored: tuple[str, ...] = ()
    """Outermost fields that are known and not read."""
    totals: tuple[Total, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """The fact tables that this report fills."""
        return tuple(sorted({row_set.table for row_set in self.row_sets if row_set.table}))

    def declaration(self) -> str:
        """A hash of all that decides how an answer becomes rows."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a provider's connection form in the Airflow UI."""

    name: str
    label: str
    help: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor: where it may be called, how a key is sent and verified, what it reports."""

    name: str
    title: str
    base_url: str
    hosts: tuple[str, ...]
    accounts: Listing
    """Lists the accounts a key can see: the check of key and account id. Without ids, of the key alone."""
    account_pattern: str
    reports: tuple[Report, ...]
    requests_per_minute: int
    docs: str
    key_help: str
    header: str = "Authorization"
    scheme: str = "Bearer"
    """The key is sent as `header: scheme key`."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with every request."""
    other_keys: tuple[tuple[str, str], ...] = ()
    """What keys of another kind begin with, and what they are: refused before anything is asked."""
    key_flags: tuple[str, ...] = ()
    """Fields of the items of `accounts` of which one must be true for a key of the right kind."""
    forbidden: str = ""
    """What a refusal says, with whatever status, of a key that is right and lacks a permission."""
    pool_slots: int = 4
    """Extracts at a time, over all of the provider's connections."""
    fields: tuple[Field, ...] = ()
    error_messages: tuple[str, ...] = ("message", "error/message")
    """Paths at which an error body carries its text."""

    def report(self, name: str) -> Report:
        """The report of that name; KeyError when there is none."""
        return {report.name: report for report in self.reports}[name]
