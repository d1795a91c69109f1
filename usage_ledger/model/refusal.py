"""What an answer without success means, where its status alone does not say it, and what to do next."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Meaning = Literal["blocked", "place", "key", "permission", "request", "throttled"]
"""`blocked`: the account must be settled first; `place`: the caller's country is not served; the others by their names.
None of them is tried again but `throttled`, for vendors that say so with a status that means otherwise."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row of a table of refusals: all that it gives must fit the answer, and the first row that fits counts."""

    meaning: Meaning
    next_step: str
    status: int = 0
    """0 for any from 400 to 499."""
    code: str = ""
    """The vendor's word: a `code`, `type` or `status` of the error."""
    text: tuple[str, ...] = ()
    """One of these is in the vendor's message, in either case."""
    passing: str = ""
    """A pattern of messages that say, with status 429, that it passes by itself: those are no refusal."""

    def fits(self, status: int, codes: Collection[str], message: str) -> bool:
        """Whether an answer of that status, with those codes and that message, is this refusal."""
        lower = message.lower()
        return (
            (status == self.status if self.status else 400 <= status < 500)
            and (not self.code or self.code in codes)
            and (not self.text or any(text.lower() in lower for text in self.text))
            and not (status == RATE_LIMITED and self.passing and re.search(self.passing, lower))
        )


RATE_LIMITED = 429
OF_RATE = r"temporar|\brates?\b|too many|try again (in|later)|\bretry\b"
SETTLE = "settle the account with the provider (plan, billing, spending limit), then run again"
GENERAL = (
    Refusal("blocked", SETTLE, status=402),
    Refusal("blocked", SETTLE, code="insufficient_quota"),
    Refusal("blocked", SETTLE, code="billing_error"),
    # Some vendors send 429 for an account that is suspended until somebody pays, others for a pause of the rate.
    Refusal("blocked", SETTLE, text=("suspended", "deactivated"), passing=OF_RATE),
    Refusal("blocked", SETTLE, text=("spending limit", "spend limit", "spend cap")),
    Refusal("place", "run this, or its way out, from a place that the provider serves", status=451),
    Refusal(
        "request",
        "the account may not have this report, or the connection's host leads elsewhere: correct the host, or leave "
        "the report out of the YAML's `reports`",
        status=404,
    ),
    Refusal("request", "ask for fewer days at once", status=413),
)
"""What holds of every provider, after its own table."""
