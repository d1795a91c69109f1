"""Running totals in closed form, so that the usage between any two slots costs two look-ups."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate

from usage_ledger.sandbox.kit.slots import DAY_SLOTS


def stable(*parts: object) -> int:
    """A 64-bit integer that depends on `parts` alone, equal in every process."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _cycle(weights: Iterable[int]) -> tuple[int, ...]:
    return tuple(accumulate(weights, initial=0))


def _office_weight(day: int, slot: int) -> int:
    # 1970 began on a Thursday: day 2 and 3 of the cycle are a weekend.
    if day in (2, 3):
        return 2
    return 9 if 32 <= slot < 80 else 3


def _mood(days: int) -> tuple[int, ...]:
    return _cycle(stable("mood", days, day) % 9 for day in range(days) for _ in range(DAY_SLOTS))


_WEEK = _cycle(_office_weight(day, slot) for day in range(7) for slot in range(DAY_SLOTS))
# Periods without a common factor: together with the week they repeat after 1,771 days.
STEADY = (_WEEK, _mood(11), _mood(23))
"""Busy in office hours, calm at weekends, never idle."""
BURSTS = (_cycle(8 if 1 <= day < 4 else 0 for day in range(14) for _ in range(DAY_SLOTS)),)
"""Three days of work in every fourteen, and nothing between."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One meter of one thing: a running total in whole units that never falls.

    It is constant before slot `born` and for ever when `scale` is 0.
    """

    name: str
    scale: int
    born: int
    phase: int
    cycles: tuple[tuple[int, ...], ...]

    def until(self, slot: int) -> int:
        """The running total of all slots before `slot`. Only differences mean something."""
        if not self.scale:
            return 0
        place = (slot if slot > self.born else self.born) + self.phase
        work = 0
        for cycle in self.cycles:
            rounds, rest = divmod(place, len(cycle) - 1)
            work += rounds * cycle[-1] + cycle[rest]
        # The hash of the work done is below one step of work: it blurs the digits and keeps the order.
        return self.scale * work + stable(self.name, work) % self.scale

    def between(self, first: int, last: int) -> int:
        """The usage in the slots `[first, last)`."""
        return self.until(last) - self.until(first)


def stream(name: str, scale: int, born: int, cycles: tuple[tuple[int, ...], ...] = STEADY) -> Stream:
    """A stream of about `scale` thousand units a day, whose course is fixed by its name."""
    # Whole weeks, so that every stream rests at the same weekend.
    phase = stable("phase", name) % 253 * 7 * DAY_SLOTS
    return Stream(name, scale, born, phase, cycles)
