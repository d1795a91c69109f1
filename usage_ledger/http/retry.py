"""Computes how long to wait before a retry."""

import random
import threading
from dataclasses import dataclass

from usage_ledger.core.settings import RETRY_SCALE


@dataclass(frozen=True, slots=True)
class Retries:
    """Full jitter: a random share of an exponentially growing cap. Seconds.

    After a refusal for too many requests that names no wait: 4 to 5, 16 to 20, 64 to 80 seconds. A burst is over soon,
    and together the waits outlast a limit per minute.
    """

    attempts: int = 4
    base: float = 1
    throttled_base: float = 4
    cap: float = 60
    longest_retry_after: float = 300
    """For a longer wait the task gives its slot back."""

    def wait(self, attempt: int, *, throttled: bool) -> float:
        """Seconds to wait after failed attempt number `attempt`, counted from 1."""
        if throttled:
            grown: float = self.throttled_base * 4 ** (attempt - 1)
            return grown * random.uniform(1, 1.25)  # noqa: S311  jitter is no secret
        return random.uniform(0, min(self.cap, self.base * 2 ** (attempt - 1)))  # noqa: S311


class Budget:
    """Limits retries to one host: in an outage, more requests only add to the load.

    500 tokens; a retry costs 14, after a refusal for too many requests 5; a success gives its last cost back.
    """

    TOKENS, TRANSIENT, THROTTLED = 500, 14, 5

    def __init__(self) -> None:
        self._left, self._lock = self.TOKENS, threading.Lock()

    def spend(self, *, throttled: bool) -> int:
        """Take the cost of a retry and return it; 0 when too little is left."""
        cost = self.THROTTLED if throttled else self.TRANSIENT
        with self._lock:
            if self._left < cost:
                return 0
            self._left -= cost
        return cost

    def give_back(self, cost: int) -> None:
        """Return tokens after a success."""
        with self._lock:
            self._left = min(self.TOKENS, self._left + max(cost, 1))


_budgets: dict[str, Budget] = {}


def budget_of(host: str) -> Budget:
    """The budget that all clients of this process share for a host."""
    return _budgets.setdefault(host, Budget())


def scale() -> float:
    """USAGE_LEDGER_RETRY_SCALE multiplies every wait; 1 when it is absent or malformed."""
    return float(RETRY_SCALE.text)
