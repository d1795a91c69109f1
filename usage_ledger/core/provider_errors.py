"""What can go wrong between us and a provider: its address, the key, the request and what arrives."""

from usage_ledger.core.errors import PersonMustAct, TryAgain

# A person must act


ABSENT = 404
"""The status of a report that the account does not have, and of a thing that was listed and is gone."""


class HostRefused(PersonMustAct):
    """The base URL is not one this provider may be called at."""

    remedy = "use the provider's own host, or name host:port in USAGE_LEDGER_ALLOWED_HOSTS"


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

    remedy = "nothing of it was loaded; store a key of that account, or correct `account` to one that the key can see"


CONCERNS_EVERY_REPORT = (BadKey, WrongAccount)
"""Errors that end a run: any other report would meet them as well."""


class AccountBlocked(AccessDenied):
    """The account is suspended, or its quota, credit or spending limit is used up: waiting does not mend it."""

    remedy = "settle the account with the provider (plan, billing, spending limit), then run again"


class WrongPlace(AccessDenied):
    """The provider does not serve the country that this machine calls from; the key is fine."""

    remedy = "run this, or its way out, from a place that the provider serves"


class NoReport(AccessDenied):
    """404, where the vendor's word for it is that the account does not have the report; or 403, where other keys do."""

    remedy = "nothing; it is asked for again each week"


class StoreRefused(AccessDenied):
    """The store of a connection's objects is not there, or may not be read."""

    remedy = "check the store's URI in the connection's settings, and that its credential may list and read there"


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


class IncompleteAnswer(TryAgain):
    """The answer was cut off, or is not the JSON document it claims to be."""

    remedy = "it is tried again by itself; if it lasts, something between here and the provider changes its answers"


class NotJson(IncompleteAnswer):
    """A web page or another text where JSON was expected."""

    most_requests = 2


class BadJson(IncompleteAnswer):
    """JSON that breaks off or is malformed."""

    most_requests = 2


class NotWhole(IncompleteAnswer):
    """An answer that lacks what its provider always sends: nothing may be concluded from what is not in it."""

    remedy = (
        "nothing of it was loaded, and what the ledger holds stands; it is tried again by itself; if it lasts, ask the "
        "provider what its answer means"
    )
    most_requests = 2


class EmptyBody(IncompleteAnswer):
    """No body at all, which is not an empty list."""

    most_requests = 1
