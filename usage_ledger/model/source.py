"""Declares where pages come from."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from usage_ledger.core.errors import ConfigError
from usage_ledger.model.each import Catalogue, Each, Listing
from usage_ledger.model.request import Cursor, Paging, Request


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Things that a list no longer names: it forgets what was at rest for `after`, while its past is still served.

    Windows that begin earlier ask for them too, as far as these lists can be had.
    """

    after: timedelta
    lists: tuple[Listing, ...]
    items: Callable[[Mapping[str, Any]], Any]
    """The items that the forgetful list would have had for one of theirs, or for one of its own. A function with a
    name."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Many things of a list are asked for in one POST.

    The things of each outer label, ordered by what is asked of them, come in groups of `size`; things of which the same
    is asked count once. A page's labels are those of the outer lists, so that the answer itself must name the thing.
    """

    into: str
    """The list in the body that the objects are appended to."""
    size: int
    """The vendor's limit."""
    each: Callable[[Mapping[str, Any], int], Any]
    """The JSON of one item of the list at this place of its group, counted from 0; None for an item that is not asked
    for. A function with a name: the declaration's hash holds it."""
    mixed: tuple[str, ...] = ()
    """Outer labels whose things share a request, and which its page therefore lacks."""
    answers: tuple[str, str] = ("", "")
    """The list of a page in which each object of the batch is answered, and the field that names it, here and there:
    objects that no page of the batch names are an answer that is not whole."""
    forgotten: Forgotten | None = None
    thing: tuple[str, ...] = ()
    """The labels of an answer's columns (`name`) and of its page (`@name`) that name a thing together: rows of things
    that were not asked for stay in the ledger."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """A list of names, such as those of metrics, without which the rows of a window cannot be asked for.

    Asked for once a window, before the rows. One that has other names than these breaks the contract. An empty one says
    that nothing at all is stored of the window, which may lie before what the vendor keeps: no rows are asked for, and
    its dates are not settled.
    """

    request: Request
    items: str
    """The outermost field with the list of texts."""
    names: tuple[str, ...]
    """What must be there."""
    otherwise: str
    """What a person does when one is missing."""


@dataclass(frozen=True, slots=True)
class HttpPages:
    """Pages of a request, sent once, or once for each thing of a listing, value of a setting, or fixed value.

    Raises `ConfigError` for a batch without a list of things, or whose request has no body.
    """

    request: Request
    paging: Paging | None = None
    per: Each | Catalogue | None = None
    batch: Batch | None = None
    lesser: tuple[str, ...] = ()
    """Groupings that some accounts are refused (400): asked without the first, without the first two, and so on, until
    one is answered. The rows must be right without them."""
    requires: Discovery | None = None
    lookup: Listing | None = None
    """A list that is landed with the rows and gives values for ids in them; see `Lookup`."""

    def __post_init__(self) -> None:
        if self.batch and not (isinstance(self.per, Listing) and self.request.body and self.batch.size > 0):
            raise ConfigError(
                f"the declaration of {self.request.path} asks in batches, without a list of things or without a body",
                next_step="declare `per` as a `Listing`, a POST with a body, and a size of one or more",
            )


@dataclass(frozen=True, slots=True)
class QueryJob:
    """A query that runs as a job: started by a POST, waited for, and read page by page.

    Raises `ConfigError` for results that are not read by GET.
    """

    request: Request
    ready: str
    """A path in each answer: true once that answer is the first page of the result."""
    results: Request
    """Asked while the job runs, and for each further page. It may also hold paths of the first answer as placeholders,
    such as `{jobReference/jobId}`; a query parameter that the answer has no value for is left out."""
    paging: Cursor
    check: Request | None = None
    """Sent to see whether a credential may read, instead of the query for one day: a dry run, if the vendor has it."""

    def __post_init__(self) -> None:
        if self.results.method != "GET" or self.paging.into != "query":
            raise ConfigError(
                f"the results of {self.request.path} are not read by GET with a page token in the query",
                next_step="declare both so",
            )

    @property
    def fields(self) -> tuple[str, ...]:
        """The paths of an answer that lead to the result: `ready`, and those that `results` holds."""
        texts = (self.results.path, *(value for _, value in self.results.query if isinstance(value, str)))
        return (self.ready, *dict.fromkeys(re.findall(r"{(\w+(?:/\w+)+)}", " ".join(texts))))


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects below dated prefixes of a store, whose URI is a setting of the connection.

    An object holds JSON documents, one after another or in lists: they are the list `documents` of its page. A date
    without any event in any object, be its kind read or not, is no empty one: nothing may have been written.
    Raises `ConfigError` for a prefix that is no dated folder.
    """

    setting: str
    prefix: str
    """A folder with `{yyyy}`, `{mm}`, `{dd}` and perhaps `{hh}`: the UTC hour at which its objects arrived."""
    suffix: str = ""
    """What the names end with of objects that are read."""
    late: timedelta = timedelta(days=1)
    """How long after a date an object with its events may arrive."""
    early: timedelta = timedelta(hours=1)
    """How long before a date an object with its events may be named: by the first of what it holds."""

    def __post_init__(self) -> None:
        dated = all(word in self.prefix for word in ("{yyyy}", "{mm}", "{dd}"))
        if not dated or not self.prefix.endswith("/") or {"", ".", ".."} & {*self.prefix.split("/")[:-1]}:
            raise ConfigError(
                f"the prefix {self.prefix} is no folder with the date of its objects",
                next_step="declare one such as {yyyy}/{mm}/{dd}/",
            )


@dataclass(frozen=True, slots=True)
class Touched:
    """Asks which usage dates got rows lately, where the vendor appends late rows to what it served before.

    Asked once a scheduled run, over a window that begins `back` before the newest reading; dates whose rows came after
    they were read are read again, however old they are.
    """

    source: "Source"
    day: str
    """The usage date, in a row of the answer as the report's `reshape` makes it."""
    at: str
    """When the last row of the date came, RFC 3339."""
    back: timedelta = timedelta(days=7)
    """A date that could not be read again is named by the runs of so many days."""


Source = HttpPages | QueryJob | Objects
"""Where pages come from. Each alternative has a module of its own in `usage_ledger/sources`."""
