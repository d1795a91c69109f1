"""One request as sent, and the page that answered it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec

from usage_ledger.json.packed import Packed
from usage_ledger.model.request import OwnServer, Parameters

NO_CONTENT = 204
"""The status of a page without rows, where the request allows it."""
Role = Literal["rows", "listing", "lookup", "discovery"]
"""What a page holds: rows of the report, ids that requests are repeated for, values that ids are looked up in, or names
without which rows cannot be asked for."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request with every placeholder filled."""

    path: str
    query: Parameters = ()
    method: Literal["GET", "POST"] = "GET"
    body: str = ""
    """JSON; '' for none."""
    origin: str = ""
    """Scheme, host and port; '' for the client's base URL."""
    accept: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    audience: str = ""
    """For whom the request is signed, or its token is meant."""
    no_content: bool = False
    """An answer 204 without a body is a page without rows."""
    server: OwnServer | None = None
    """The user's own server that is asked instead of the provider."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer as the provider sent it, decoded from its transfer coding alone."""

    call: Call
    body: bytes | Packed
    """Packed when it is large."""
    status: int
    requested_at: datetime
    server_date: datetime | None = None
    """The provider's clock: the answer's `Date`."""
    fields: Mapping[str, msgspec.Raw] = field(default_factory=dict)
    """The body's outermost fields, undecoded, without a large body's lists. Empty for a body that is not an object."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many items each outermost list of a large body has."""
    role: Role = "rows"
    labels: Mapping[str, str] = field(default_factory=dict)
    """Names and values that the request was repeated for."""
    etag: str = ""
    """Of an object of a store: its version, by the store's word."""
    modified: datetime | None = None
    """When that was written, by the store's clock."""
