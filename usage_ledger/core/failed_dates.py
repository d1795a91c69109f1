"""Usage dates whose newest answer failed, as a plan of requests takes them."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class FailedDates:
    """The dates of a report whose newest answer failed."""

    unloaded: frozenset[date] = frozenset()
    """Those that the ledger holds nothing of."""
    of_whole_answers: frozenset[date] = frozenset()
    """Those whose answer was wrong as a whole, or contradicts the provider's own total: asked for alone, the others of
    its window come."""
