"""The families of errors, and those of settings, commands and this machine.

Each error is named by what to do about it. Two families decide what Airflow and the CLI do: `PersonMustAct` never
retries, `TryAgain` does. The text of each is one line: what happened, to which connection, report and window, and what
to do next. Texts are redacted when they are made. What can go wrong with a provider, a data contract, raw storage and
the warehouse is in `provider_errors`, `contract_errors`, `storage_errors` and `warehouse_errors`.
"""

import re
from collections.abc import Mapping
from typing import Self

from usage_ledger.core.redaction import redact

_REQUEST_ID = re.compile(
    r"\b(?:req|request|trace|ray|correlation)(?:[ _-]?id)?[\s:=#\"'(_-]{0,3}[\w-]*\d[\w-]*", re.IGNORECASE
)


class UsageLedgerError(Exception):
    """Base of all. `next_step` is the remedy; the class gives a default."""

    remedy = ""
    status = 0
    """Of the HTTP answer that it tells of; 0 for none."""
    harmless = False
    """No figure is missing by it: a list of names could not be had, or the account does not have the report."""

    def __init__(
        self, what: str, *, next_step: str = "", connection: str = "", report: str = "", window: str = ""
    ) -> None:
        self.what = one_line(redact(what)).rstrip(".")
        self.next_step = one_line(redact(next_step or self.remedy)).rstrip(".")
        self.connection, self.report, self.window = connection, report, window
        self.labels: Mapping[str, str] = {}
        """What a request is repeated for, when it failed for one of it: a region, a project."""
        super().__init__(self.what)

    def about(
        self, *, connection: str = "", report: str = "", window: str = "", labels: Mapping[str, str] | None = None
    ) -> Self:
        """Say which connection, report, labels and window it happened to, where that is not yet known."""
        self.connection = self.connection or connection
        self.report = self.report or report
        self.window = self.window or window
        self.labels = self.labels or labels or {}
        return self

    @property
    def sentence(self) -> str:
        """What happened, and where, without the next step."""
        things = [(word, one_line(redact(value), 200)) for word, value in self.labels.items()]
        places = (("connection", self.connection), ("report", self.report), *things, ("window", self.window))
        where = ", ".join(f"{word}{'s' if ', ' in value else ''} {value}" for word, value in places if value)
        return self.what + (f" ({where})" if where else "")

    def __str__(self) -> str:
        return f"{self.sentence}: {self.next_step}." if self.next_step else f"{self.sentence}."


def one_line(text: str, longest: int = 2000) -> str:
    """The text on one line, control characters escaped, at most `longest` characters."""
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return escaped if len(escaped) <= longest else escaped[: longest - 1] + "…"


def without_request_id(text: str) -> str:
    """The text without a request's id: what a provider says again has another one each time."""
    return _REQUEST_ID.sub("…", text)


class PersonMustAct(UsageLedgerError):
    """Trying again cannot help: somebody has to change something."""


class TryAgain(UsageLedgerError):
    """May well work a little later, unchanged."""

    most_requests = 4
    """How often the same request is sent within one try of a task, at most."""


# A person must act


class ConfigError(PersonMustAct):
    """A connection file, a setting or a command says something impossible."""

    remedy = "correct it and try again"


class NoConnection(PersonMustAct):
    """There is no such connection, or it has no key."""

    remedy = "store its key with `usage-ledger connect`, or under Admin, Connections in Airflow"


class CannotDecrypt(PersonMustAct):
    """A stored key cannot be read with Airflow's Fernet key: that was changed, or is another installation's."""

    remedy = "list the old [core] fernet_key after the new one and a comma, or store the key by `usage-ledger connect`"


class BadWindow(PersonMustAct):
    """The dates asked for are reversed, unfinished, or half given."""

    remedy = "give dates that are over, the first one first"


class OutOfReach(BadWindow):
    """The dates are older than the provider answers for; they were not asked for."""

    remedy = "leave them out: what the ledger holds of them stands"


# Try again


class Unreachable(TryAgain):
    """No connection to the host, or no answer in time."""

    remedy = "check the network and the connection's host; a task tries again by itself"


class OutOfMemory(TryAgain):
    """This process may take no more memory."""

    remedy = "give the worker more memory, or ask for fewer days at once; landed pages are kept"
