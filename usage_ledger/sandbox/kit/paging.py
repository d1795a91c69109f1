"""Page tokens, and pages of a list by an item's id."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import NamedTuple

from usage_ledger.sandbox.kit.serving import Json


def page_token(*parts: object) -> str:
    """A token that looks opaque: `page_` and base64 of the parts."""
    return "page_" + urlsafe_b64encode(".".join(map(str, parts)).encode()).decode()


def parts_of_token(token: str) -> list[str]:
    """The parts of a token; empty where it has none. The caller checks that it gave the token out."""
    try:
        return urlsafe_b64decode(token.removeprefix("page_")).decode().split(".")
    except ValueError:
        return []


class IdPage(NamedTuple):
    """A page of a list: its items, the ids of its ends, and whether the list goes on in that direction."""

    items: Sequence[Json]
    first_id: object
    last_id: object
    has_more: bool

    def ends(self) -> Json:
        """What the service says of the page."""
        return {"first_id": self.first_id, "last_id": self.last_id, "has_more": self.has_more}


def page_by_id(items: Sequence[Json], limit: int, after: str | None = None, before: str | None = None) -> IdPage:
    """At most `limit` items after one id or before another. Raises `ValueError` for an id that is not listed."""
    ids = [item["id"] for item in items]
    first = ids.index(after) + 1 if after else 0
    last = ids.index(before) if before else first + limit
    if before:
        first = max(last - limit, 0)
    shown = ids[first:last] or [None]
    return IdPage(items[first:last], shown[0], shown[-1], first > 0 if before else last < len(ids))
