"""Every error of the product, named by what to do about it.

Two families decide what Airflow and the CLI do: `PersonMustAct` never retries, `TryAgain` does. The text of each is
one line: what happened, to which connection, report and window, and what to do next. Texts are redacted when they
are made.
"""

from typing import Self

from usage_ledger.core.redaction import redact


class UsageLedgerError(Exception):
    """Base of all. `next_step` is the remedy; the class gives a default."""

    remedy = ""

    def __init__(
        self, what: str, *, next_step: str = "", connection: str = "", report: str = "", window: str = ""
    ) -> None:
        self.what = one_line(redact(what)).rstrip(".")
        self.next_step = one_line(redact(next_step or self.remedy)).rstrip(".")
        self.connection, self.report, self.window = connection, report, window
        super().__init__(self.what)

    def about(self, *, connection: str = "", report: str = "", window: str = "") -> Self:
        """Say which connection, report and window it happened to, where that is not yet known."""
        self.connection = self.connection or connection
        self.report = self.report or report
        self.window = self.window or window
        return self

    def __str__(self) -> str:
        places = (("connection", self.connection), ("report", self.report), ("window", self.window))
        where = ", ".join(f"{word}{'s' if ', ' in value else ''} {value}" for word, value in places if value)
        text = self.what + (f" ({where})" if where else "")
        return f"{text}: {self.next_step}." if self.next_step else f"{text}."


def one_line(text: str, longest: int = 2000) -> str:
    """The text on one line, control characters escaped, at most `longest` characters."""
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return escaped if len(escaped) <= longest else escaped[: longest - 1] + "…"


class PersonMustAct(UsageLedgerError):
    """Trying again cannot help: somebody has to change something."""


class TryAgain(UsageLedgerError):
    """May well work a little later, unchanged."""

    most_requests = 4
    """How often the same request is sent within one try of a task, at most."""


# A person must act: settings


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


class HostRefused(PersonMustAct):
    """The base URL is not one this provider may be called at."""

    remedy = "use the provider's own host, or name host:port in USAGE_LEDGER_ALLOWED_HOSTS"


class StorageRefused(PersonMustAct):
    """Raw storage cannot be written or read."""

    remedy = "check USAGE_LEDGER_RAW and its permissions and free space"


class RawGone(StorageRefused):
    """What was landed, or said to be, is not in raw storage."""

    remedy = (
        "what the warehouse holds stands; point USAGE_LEDGER_RAW at the storage it was landed in, or run the window "
        "again to fetch it anew"
    )


class StagedUnusable(StorageRefused):
    """The staged Parquet of a load is gone, damaged, or of another version of the contract."""

    remedy = "it is made anew from the landed pages: clear the load's transform in Airflow, or `usage-ledger rebuild`"


class WarehouseRefused(PersonMustAct):
    """The warehouse is there but does not let us do our work."""

    remedy = "check the rights of the role in the Airflow connection usage_warehouse"


class WarehouseDrift(WarehouseRefused):
    """A fact table is not what its contract says: somebody changed it by hand."""

    remedy = "nothing was written; undo the change, or bring it as a schema step with its contract"


class WarehouseFull(WarehouseRefused):
    """The warehouse has no disk space left."""

    remedy = "nothing was written and landed pages are kept; free space there, the next run loads them"


# A person must act: the provider's side


class AccessDenied(PersonMustAct):
    """The provider does not let this key read this."""


class BadKey(AccessDenied):
    """401: the key is wrong, revoked or expired."""

    remedy = "store a valid key with `usage-ledger connect` or in the Airflow connection's password"


class NoPermission(AccessDenied):
    """403: the key is valid but its role may not read this."""

    remedy = "give the key's user a role that may read billing, or leave the report out of the YAML's `reports`"


class WrongAccount(AccessDenied):
    """The key does not see the account that the connection names."""

    remedy = "correct `account` to one that the key can see"


class BadRequest(PersonMustAct):
    """The provider refused the request itself (400, 404, 422, 501)."""

    remedy = "compare the report's declaration with the provider's documentation"


class RedirectRefused(PersonMustAct):
    """The provider answered with a redirect; none is followed."""

    remedy = "set the provider's final address as the connection's host"


class BadHttp(PersonMustAct):
    """What was answered is no HTTP that one may trust: malformed, or far too many headers."""

    remedy = "see what stands between here and the provider: a proxy, a captive portal, another service on that port"


class TooLarge(PersonMustAct):
    """The answer is larger than a request may bring."""

    remedy = "ask for fewer days at once"


class ContractBroken(PersonMustAct):
    """The answer, or the rows made of it, break the data contract; nothing of the window was loaded."""

    remedy = "the raw pages are kept: correct the provider's declaration or ask the provider, then run the window again"


class Shape(ContractBroken):
    """A value of another JSON type than declared."""


class MissingField(ContractBroken):
    """A required field is absent."""


class MissingGroupKey(ContractBroken):
    """A grouping that was asked for is absent from a row."""


class NullRequired(ContractBroken):
    """A required field is null."""


class NonCanonicalInteger(ContractBroken):
    """An integer written in any form but plain ASCII digits."""


class NegativeCount(ContractBroken):
    """A count below zero."""


class EmptyNumber(ContractBroken):
    """A number that is an empty string."""


class NotFinite(ContractBroken):
    """NaN, an infinity, or text that is no decimal number."""


class OutOfRange(ContractBroken):
    """A number that the column cannot hold."""


class CostPrecision(ContractBroken):
    """Money with more decimal places than the ledger keeps."""


class BadId(ContractBroken):
    """An id that holds a NUL character."""


class BadBucket(ContractBroken):
    """A time slice that is not a day of the report."""


class OutOfWindow(ContractBroken):
    """A time slice outside of what was asked."""


class DuplicateRow(ContractBroken):
    """The same row twice in one answer."""


class ConflictingRows(ContractBroken):
    """One key with two different values."""


class ValidationFailed(ContractBroken):
    """Great Expectations found rows that break the contract."""


class RawCorrupt(PersonMustAct):
    """A landed page is not what its manifest says."""

    remedy = "run the window again to fetch it anew"


class ConservationBroken(PersonMustAct):
    """Sums in raw, Parquet and warehouse differ; the load was rolled back."""

    remedy = "nothing was written; report this with the load id, it is a defect"


# Try again


class RateLimited(TryAgain):
    """429. `retry_after` in seconds, when the provider named one."""

    remedy = "a task waits and tries again by itself; fewer slots in the provider's pool ask less at a time"

    def __init__(self, what: str, *, retry_after: float | None = None, reset_after: float = 0, **where: str) -> None:
        super().__init__(what, **where)
        self.retry_after = retry_after
        self.reset_after = reset_after
        """Seconds until the allowance is renewed, by the provider's own count: the least to wait."""


class ProviderDown(TryAgain):
    """5xx."""

    remedy = "it is tried again by itself; see the provider's status page if it lasts"


class Unreachable(TryAgain):
    """No connection to the host, or no answer in time."""

    remedy = "check the network and the connection's host; a task tries again by itself"


class IncompleteAnswer(TryAgain):
    """The answer was cut off, or is not the JSON document it claims to be."""

    remedy = "it is tried again by itself; if it lasts, something between here and the provider changes its answers"


class NotJson(IncompleteAnswer):
    """A web page or another text where JSON was expected."""

    most_requests = 2


class BadJson(IncompleteAnswer):
    """JSON that breaks off or is malformed."""

    most_requests = 2


class EmptyBody(IncompleteAnswer):
    """No body at all, which is not an empty list."""

    most_requests = 1


class StorageDown(TryAgain):
    """Raw storage does not answer, or is busy."""

    remedy = "it is tried again by itself; see the storage's own status page if it lasts"


class WarehouseDown(TryAgain):
    """The warehouse does not answer, or a lock was not to be had in time."""

    remedy = "check that the database of the Airflow connection usage_warehouse is up; landed pages are kept"


class OutOfMemory(TryAgain):
    """This process may take no more memory."""

    remedy = "give the worker more memory, or ask for fewer days at once; landed pages are kept"
