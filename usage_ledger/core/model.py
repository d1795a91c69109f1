"""The words in which a provider is declared. A provider is data: these classes, filled in, and nothing else.

Paths are segments separated by `/`, read from a row: `group/model_name`. A leading `^` climbs to the element
that holds the row (one per level), `@name` reads a label of the request that brought the page.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Dimension:
    """What is grouped: one column. The first path that is present wins; null and '' both mean "not told"."""

    column: str
    paths: tuple[str, ...] = ()
    missing: Literal["blank", "error", "required"] = "blank"
    """What it means when no path is present: not told, or a broken answer; `required` refuses a blank value as well."""
    form: Literal["text", "last_segment"] = "text"
    """`last_segment` keeps what follows the last `/`, for ids that come both bare and as a full resource name."""
    values: tuple[tuple[str, str], ...] = ()
    """Vendor's word to ours. Others are kept as sent. The row's identity always uses the vendor's."""
    within: str = ""
    """What a full resource name begins with when it is the account's own, such as `accounts/{account}/`."""
    pairs: tuple[tuple[str, str], ...] = ()
    """Instead of paths: (key path, value path) pairs, rendered `key=value; key=value`."""


@dataclass(frozen=True, slots=True)
class Meter:
    """What is counted: one column and where it is read."""

    column: str
    path: str
    form: Literal["integer", "decimal", "money"] = "integer"
    """`money` is google.type.Money (units, nanos). All are exact."""
    absent: Literal["zero", "null", "error"] = "error"
    """What an absent or null value means. Null is "not metered", which is not zero."""
    exact: bool = True
    """False for a source that is a binary float by declaration: rounded half-even to the column's places."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Fields of one row that must add up to another; checked where all are present."""

    total: str
    parts: tuple[str, ...]


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
    bucket: tuple[str, str] = ("", "")
    """Paths of the bucket's start and end."""
    breakdown: str = ""
    """'' is the record, which adds up once; anything else is another cut of the same traffic."""
    constants: tuple[tuple[str, str], ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    meters: tuple[Meter, ...] = ()
    balances: tuple[Balance, ...] = ()
    names: tuple[NameOf, ...] = ()
    ignored: tuple[str, ...] = ()
    """Paths that are known and not read; any other field that is not declared is noted as new."""
    sum_over: tuple[str, ...] = ()
    """Paths outside the identity by which the vendor splits rows: those are added up. Any other repeat is an error."""

    @property
    def name(self) -> str:
        """Part of every row's identity: the path, dotted."""
        return self.path.replace("/", ".")


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
    """Where the next page's token is, and the parameter that sends it."""

    cursor: str
    parameter: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A paged list of things with ids, asked before a report that is asked once per thing."""

    path: str
    items: str
    id: str
    label: str
    parameters: tuple[tuple[str, str], ...] = ()
    paging: Paging | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One usage, cost or name endpoint: how to ask, and what its rows mean.

    `path` and `parameters` may hold `{account}`, `{start}`, `{end}`, `{zone}` and the label of `per`.
    """

    name: str
    path: str
    row_sets: tuple[RowSet, ...]
    parameters: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    day: Literal["zone", "UTC"] = "zone"
    longest: timedelta = timedelta(days=31)
    date_labels: bool = False
    """Buckets of a zone may also come as the local date at 00:00 UTC; accepted, and noted."""
    settle_days: int = 3
    paging: Paging | None = None
    per: Listing | None = None
    snapshot: bool = False
    """Without days: landed daily, because yesterday's cannot be fetched tomorrow."""
    cut: tuple[str, ...] = ()
    """Paths (`items/*/field`) dropped before anything is stored."""
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
    """Lists the accounts a key can see: the check of key and account id."""
    account_pattern: str
    reports: tuple[Report, ...]
    requests_per_minute: int
    docs: str
    key_help: str
    header: str = "Authorization"
    scheme: str = "Bearer"
    """The key is sent as `header: scheme key`."""
    pool_slots: int = 4
    """Extracts at a time, over all of the provider's connections."""
    fields: tuple[Field, ...] = ()
    error_messages: tuple[str, ...] = ("message", "error/message")
    """Paths at which an error body carries its text."""

    def report(self, name: str) -> Report:
        """The report of that name; KeyError when there is none."""
        return {report.name: report for report in self.reports}[name]
