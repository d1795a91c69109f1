"""Declares requests: one request, and its next pages."""

import json
from dataclasses import dataclass
from typing import Literal

from usage_ledger.core.errors import ConfigError

Parameters = tuple[tuple[str, str | tuple[str, ...]], ...]
"""Names and values of a query; a tuple of values is sent as a repeated parameter."""


@dataclass(frozen=True, slots=True)
class Template:
    """A query value with placeholders among other text, such as `sum by (model) ({metric})`; other braces stay."""

    text: str


@dataclass(frozen=True, slots=True)
class OwnServer:
    """A server of the user's own, such as a team's Prometheus. The provider's key is never sent there.

    The deployment must allow its host (USAGE_LEDGER_ALLOWED_HOSTS); the connection's own host does not replace it.
    """

    address: str
    """The setting with its base URL."""
    bearer: str = ""
    """The secret setting with its bearer token; where that is empty, none is sent."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The answer has a token for the next page."""

    field: str
    parameter: str
    more: str = ""
    """A field that says whether there is a next page: when it is true, the token must be there."""
    into: Literal["query", "body"] = "query"
    """Where `parameter` is sent: in the query, or as a field of the JSON body."""
    spelling: str = ""
    """Another name of the field."""


@dataclass(frozen=True, slots=True)
class Link:
    """The answer names the next page's address, of which only path and query are used."""

    field: str
    """Its path, through objects."""


@dataclass(frozen=True, slots=True)
class Offset:
    """`parameter` skips the items of the pages before. The last page is the one that reaches the total, or is empty."""

    items: str
    """The list that is counted."""
    parameter: str
    total: str = ""
    """A field with the number of all items; without it an empty page is the end."""


Paging = Cursor | Link | Offset


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Path, query values, body and base may hold placeholders.

    `{account}`, `{start}` and `{end}` (RFC 3339), `{last}` (when the last usage date begins), `{interval}` (start and
    end, as ISO 8601 writes it: `start/end`),
    `{start_epoch}` and `{end_epoch}` (seconds since 1970), `{date}`, `{last_date}` and `{end_date}` (the first usage
    date, the last one, and the date after it), `{zone}`, the settings that have one value, and the labels of what the
    request is repeated for. In a path each becomes one percent-encoded segment; `{+label}` there is a whole id, whose
    slashes stay. A query value, or a string in the body, is either literal or one placeholder alone; a `Template` has
    placeholders among other text. In the body `{start_epoch}` and `{end_epoch}` become numbers. `{start_epoch+300}` is
    five minutes later.

    Raises `ConfigError` for a POST that is not declared to read only, or a body that is not JSON.
    """

    path: str
    query: tuple[tuple[str, str | tuple[str, ...] | Template], ...] = ()
    method: Literal["GET", "POST"] = "GET"
    body: str = ""
    """A JSON template, sent by POST."""
    statement: Template | None = None
    """A statement of a query language: the body's `{statement}`. Identifiers alone may be placeholders in it, never
    values, which the body sends as parameters."""
    reads_only: bool = False
    """True where the vendor's documentation says that this POST changes nothing; no other POST is sent."""
    base: str | OwnServer = ""
    """Instead of the provider's own base URL, such as `https://monitoring.{region}.example.com`."""
    accept: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with this request alone, such as the name of a vendor's trial. `Content-Type` replaces that of JSON."""
    no_content: bool = False
    """The vendor answers 204 without a body where there is nothing to tell: a page without rows."""
    audience: str = ""
    """For whom the request is signed or its token is meant, with placeholders like `base`: `monitoring/{region}`."""

    def __post_init__(self) -> None:
        if self.method == "POST" and not self.reads_only:
            raise ConfigError(
                f"the declaration of {self.path} sends a POST and does not declare that it only reads",
                next_step="declare `reads_only=True` where the vendor's documentation says so",
            )
        if self.method == "GET" and (self.body or self.reads_only):
            raise ConfigError(f"the declaration of {self.path} is a GET with a body", next_step="declare a POST")
        if self.body:
            try:
                json.loads(self.body)
            except ValueError as error:
                raise ConfigError(f"the body declared for {self.path} is not JSON: {error}") from error
