"""Declares what a request is repeated for: things of a list, values of a setting, fixed values, names of a list."""

from dataclasses import dataclass
from typing import Literal

from usage_ledger.model.request import Paging, Request
from usage_ledger.model.where import Where


@dataclass(frozen=True, slots=True)
class PerSetting:
    """A request is repeated for each value of a setting of the connection."""

    setting: str
    label: str = ""
    """What requests and rows call a value; '' for the setting's name."""

    @property
    def name(self) -> str:
        """The label of a value."""
        return self.label or self.setting


@dataclass(frozen=True, slots=True)
class Fixed:
    """A request is repeated for each of these values, in this order."""

    label: str
    values: tuple[str, ...]
    per: PerSetting | None = None
    """All of them for each value of a setting."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A paged list of things with ids. A report may be requested once for each, and a check requests the accounts."""

    request: Request
    items: str
    """The list, through objects (`data/items`); '' is the answer itself."""
    id: str
    """Its path in an item; '' when the items have none."""
    label: str
    paging: Paging | None = None
    form: Literal["last_segment", "whole"] = "last_segment"
    """Of an id: what follows its last `/`, or all of it."""
    single: bool = False
    """The answer is one object, not a list."""
    per: "Listing | PerSetting | Fixed | None" = None
    """The list is requested once for each of these, whose label the request holds."""
    implied: bool = False
    """Some accounts have no such list (404): they have one thing without an id, and parameters that hold it are left
    out."""
    optional: bool = False
    """The vendor leaves the list out when it is empty; without it an answer that lacks the list is broken."""
    may_be_empty: bool = False
    """Of accounts: the right key sees none until the vendor has data of one; it then does not tell whose it is."""
    where: Where | None = None
    """Only things that match are meant; the others on the list are known."""
    once: bool = False
    """Asked for once a run: one answer serves all of its windows and reports."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Names that are asked for together, and the labels that the request of these names has beside them."""

    names: tuple[str, ...]
    labels: tuple[tuple[str, str], ...] = ()
    required: bool = False
    """Where a list has none of the names, that is reported as a gap."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A request is repeated for each selection of names, of which only those that the vendor lists are asked for.

    The list is read once for each thing of its own `per`; a selection of which it has no name is not asked for.
    """

    listing: Listing
    """Its items' ids are the names."""
    label: str
    """What the request calls the names of a selection, with commas between them."""
    selections: tuple[Selection, ...]


Each = Listing | PerSetting | Fixed
"""What a request may be repeated for."""
