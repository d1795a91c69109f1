"""What of a list, or of the things of one, could not be had while the rest was read."""

from usage_ledger.core.errors import TryAgain, UsageLedgerError, without_request_id

MOST_FAILURES = 3
"""Things of a list that do not answer; the others are not asked for then, lest a list use up a run's retries."""
NAMED = 10


class Gaps:
    """The things that are missing, by what the provider said."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._things: dict[str, list[str]] = {}
        self._failures = 0
        self.stopped: UsageLedgerError | None = None
        """Why nothing more of the list is asked for."""
        self.newest: UsageLedgerError | None = None

    def add(self, thing: str, error: UsageLedgerError) -> None:
        """Note that a thing could not be had."""
        what = self._said.setdefault(without_request_id(error.what), error.what)
        self._things.setdefault(what, []).append(thing)
        self.newest = error
        self._failures += isinstance(error, TryAgain)
        if self._failures >= MOST_FAILURES:
            self.stopped = error

    @property
    def texts(self) -> list[str]:
        """A sentence for each thing that the provider said."""
        return [f"{_enumerated(things)} could not be read: {what}" for what, things in self._things.items()]


def _enumerated(things: list[str]) -> str:
    more = f" and {len(things) - NAMED} more" if len(things) > NAMED else ""
    return ", ".join(things[:NAMED]) + more
