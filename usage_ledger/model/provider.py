"""A vendor and its reports."""

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date, timedelta
from types import FunctionType
from typing import Any, Literal

from usage_ledger.core.errors import ConfigError
from usage_ledger.model.auth import BEARER_KEY, Auth
from usage_ledger.model.dimension import Rule
from usage_ledger.model.each import Listing
from usage_ledger.model.event_file import EventFile
from usage_ledger.model.mark import AnyMark
from usage_ledger.model.refusal import Refusal
from usage_ledger.model.reshape import Reshape
from usage_ledger.model.rows import RowSet, RunningTotal, Total
from usage_ledger.model.source import Source, Touched

PLANNING = frozenset(
    {
        *("ignored", "longest", "reach", "settle_days", "paging", "accept", "headers", "begins", "allow_extra_fields"),
        *("marks", "optional", "every_day", "completion", "older", "account", "double", "running_totals"),
        *("implied", "lesser", "may_be_absent", "opt_in", "audience", "size", "check", "requires", "yields_to"),
        *("evidence", "needs_right", "repeated"),
        *("blank_is_idle", "no_content", "once", "touched", "answers", "forgotten", "mixed", "thing"),
        *("setting", "prefix", "suffix", "late", "early"),
    }
)
"""Fields that change requests or warnings but no figure: a declaration's hash leaves them out."""

PEOPLE = frozenset({"user", "service_account", "api_key"})
"""Kinds of names that belong to a person, or to what a person made for somebody."""


@dataclass(frozen=True, slots=True)
class Report:
    """One usage, cost or name endpoint: where its pages come from, and what their rows mean."""

    name: str
    source: Source
    row_sets: tuple[RowSet, ...]
    day: Literal["zone", "UTC"] = "zone"
    longest: timedelta = timedelta(days=31)
    reach: timedelta | None = None
    """How far back from the last complete date the vendor answers; older dates are never requested."""
    begins: date | None = None
    """The first date that the vendor has at all, where it lies within `reach`."""
    older: str = ""
    """Where a person finds dates beyond `reach`."""
    date_labels: bool = False
    """Buckets of a zone may also come as the local date at 00:00 UTC; accepted, and reported."""
    settle_days: int = 3
    may_be_absent: bool = False
    """Some accounts do not have the report, and get 404."""
    needs_right: str = ""
    """What a person does so that the key may read the report. Other keys get 403, and lack no figure of the record."""
    opt_in: bool = False
    """Fetched only where the connection's `reports` names it."""
    snapshot: bool = False
    """A report without days, landed daily because the vendor serves no history."""
    cut: tuple[str, ...] = ()
    """Paths (`items/*/field`) dropped before anything is stored."""
    pseudonyms: tuple[str, ...] = ()
    """Paths of values that identify a person: replaced by a keyed hash before anything is stored."""
    reshape: Reshape | None = None
    """How landed bytes become the shape that `row_sets` read."""
    ignored: tuple[str, ...] = ()
    """Outermost fields that are known and not read."""
    totals: tuple[Total, ...] = ()
    running_totals: tuple[RunningTotal, ...] = ()
    marks: tuple[AnyMark, ...] = ()
    """What each page must say of itself to be whole."""
    evidence: tuple[str, ...] = ()
    """Outermost fields by which an answer says how good it is: they are stored with each of its dates."""
    touched: Touched | None = None
    """Which dates beyond the look-back got late rows."""
    account: str = ""
    """A path (`items/*/field`) of the account's id in the rows; compared before anything of the answer is landed."""
    yields_to: str = ""
    """The report that is the record of a date and usage type where it has rows of it. The rows of this one are then
    another cut of the same traffic, whose breakdown is the name of this report; elsewhere they are the record."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The fact tables that this report fills."""
        return tuple(sorted({row_set.table for row_set in self.row_sets if row_set.table}))

    @property
    def optional(self) -> bool:
        """Whether the vendor leaves out every one of its lists when it is empty."""
        return all(row_set.optional for row_set in self.row_sets)

    @property
    def lists_people(self) -> bool:
        """Whether it lists people or keys: only what is declared of them is landed."""
        return self.snapshot and any(name.kind in PEOPLE for row_set in self.row_sets for name in row_set.names)

    def __hash__(self) -> int:
        """Of the name alone; see `RowSet`."""
        return hash(self.name)

    def declaration(self) -> str:
        """A hash of what decides how an answer becomes rows: by name, without what has its default.

        A field that is added to the model and has its default changes no hash.
        """
        return hashlib.sha256(json.dumps(_deciding(self), sort_keys=True).encode()).hexdigest()[:16]


def _deciding(value: Any) -> Any:
    """A declaration as JSON: each object by its type's name and those of its fields that differ from their default.

    A function stands by its name. Raises `ConfigError` for one without.
    """
    if isinstance(value, tuple):
        return [_deciding(one) for one in value]
    if isinstance(value, FunctionType):
        if "<lambda>" in value.__qualname__:
            raise ConfigError("a declaration holds a function without a name", next_step="define it with `def`")
        return value.__qualname__
    if not dataclasses.is_dataclass(value):
        return value if isinstance(value, str | bool | int | None) else str(value)
    fields = {
        field.name: getattr(value, field.name)
        for field in dataclasses.fields(value)
        if field.name not in PLANNING and getattr(value, field.name) != field.default
    }
    return {"type": type(value).__name__, **{name: _deciding(one) for name, one in fields.items()}}


@dataclass(frozen=True, slots=True)
class AccountHeader:
    """A header of every answer that tells the account of the key that was sent."""

    name: str
    pattern: str = r"\S+"
    """Of an id, whole. What is no id, a short name for instance, tells nothing; nor does an `account` that is none."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A connection's value beyond account and key: a field of Airflow's form, a key of the YAML's `settings`.

    A secret setting is never in the YAML: it is stored only in Airflow's connection.
    """

    name: str
    label: str
    help: str
    pattern: str = r"[A-Za-z0-9._-]{1,128}"
    """Of the whole value."""
    secret: bool = False
    repeated: bool = False
    """A list of values: in the YAML a list, in Airflow's form separated by commas."""
    required: bool = False
    part_of_key: bool = False
    """Stored in Airflow with the connection's own key, such as that key's id; no part of another identity."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of an account that a connection names in a setting: the items of the accounts' list tell whose each is."""

    setting: str
    id: str
    """The path of a part's id in an item."""


@dataclass(frozen=True, slots=True)
class Seller:
    """Who sells a provider's service, as bills name it; what is left '' is the provider's title."""

    name: str = ""
    """Who sells it and sends the invoice."""
    service: str = ""
    part: str = "Workspace"
    """The vendor's word for a part of an account that has costs of its own."""
    host: bool = True
    """It runs what it sells; otherwise a bill line says who does."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor: where it may be called, how a key is sent and verified, what it reports."""

    name: str
    title: str
    base_url: str
    hosts: tuple[str, ...]
    """Host names that may be called; `{label}` matches one label of a name."""
    accounts: Listing
    """Lists the accounts that a key has access to: verifies key and account id. Without ids, only the key."""
    account: Setting
    """The vendor's word for an account, and the form of its id."""
    reports: tuple[Report, ...]
    requests_per_minute: int
    docs: str
    key_help: str
    auth: Auth = BEARER_KEY
    seller: Seller = Seller()
    account_parts: Parts | None = None
    """Proved with the account: a part that the key does not see, or that is another account's, is a wrong account."""
    account_header: AccountHeader | None = None
    """Compared with the connection's account in every answer, before anything of it is landed."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with every request."""
    settings: tuple[Setting, ...] = ()
    key_flags: tuple[str, ...] = ()
    """Fields of the items of `accounts` of which one must be true for a key of the right kind."""
    refusals: tuple[Refusal, ...] = ()
    """What answers without success mean, before what they mean of any provider."""
    pool_slots: int = 4
    """Extracts at a time, over all of the provider's connections."""
    events: EventFile | None = None
    """A file of events that a person can export, and `usage-ledger import` compares with the ledger."""
    error_messages: tuple[str, ...] = ("message", "error/message")
    """Paths of an error body's message."""
    error_codes: tuple[str, ...] = ()
    """Paths of the vendor's word for an error, where it is none of the usual ones."""
    families: tuple[Rule, ...] = ()
    """What becomes of a model's id in lower case before it is compared, where usage, bill and prices spell it apart."""

    def report(self, name: str) -> Report:
        """The report of that name; KeyError when there is none."""
        return {report.name: report for report in self.reports}[name]

    def family(self, model: str) -> str:
        """The name under which usage, bill and prices of a model are compared: `gpt-4-1` of `gpt-4.1` and `gpt 4.1`.

        Of the first rule that matches; then each run of characters that are neither letters nor digits is one `-`.
        """
        text = model.lower()
        text = next((value for rule in self.families if (value := rule.value_of(text)) is not None), text)
        return re.sub(r"[\W_]+", "-", text).strip("-") or model

    def yielding_to(self, name: str) -> tuple[str, ...]:
        """The reports that yield to a report as the record."""
        return tuple(report.name for report in self.reports if report.yields_to == name)
