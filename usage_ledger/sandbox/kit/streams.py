"""Running totals in closed form: the usage between any two slots is the difference of two of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate

from usage_ledger.sandbox.kit.slots import DAY_SLOTS, FOREVER, is_weekend

Cycles = tuple[tuple[int, ...], ...]
"""Work by slot, as running totals; each cycle repeats."""


def stable(*parts: object) -> int:
    """A 64-bit integer that depends on `parts` alone, equal in every process."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def cycle(weights: Iterable[int]) -> tuple[int, ...]:
    """A cycle with these amounts of work, slot by slot from 1970."""
    return tuple(accumulate(weights, initial=0))


def _office_weight(day: int, slot: int) -> int:
    if is_weekend(day):
        return 2
    return 9 if 32 <= slot < 80 else 3


def _mood(days: int) -> tuple[int, ...]:
    return cycle(stable("mood", days, day) % 9 for day in range(days) for _ in range(DAY_SLOTS))


_WEEK = cycle(_office_weight(day, slot) for day in range(7) for slot in range(DAY_SLOTS))
# Periods without a common factor: together with the week they repeat after 1,771 days.
STEADY = (_WEEK, _mood(11), _mood(23))
"""Busy in office hours, calm at weekends, never idle."""
BURSTS = (cycle(8 if 1 <= day < 4 else 0 for day in range(14) for _ in range(DAY_SLOTS)),)
"""Three days of work in every fourteen, and nothing between."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One meter of one thing: a running total in whole units that never falls.

    It is constant before slot `born` and from slot `last` on, and for ever when `scale` is 0. It counts one for every
    `divisor` units.
    """

    name: str
    scale: int
    born: int
    phase: int
    cycles: Cycles
    last: int = FOREVER
    divisor: int = 1

    def until(self, slot: int) -> int:
        """The running total of all slots before `slot`. Only differences mean something."""
        if not self.scale:
            return 0
        place = min(max(slot, self.born), self.last) + self.phase
        work = 0
        for totals in self.cycles:
            rounds, rest = divmod(place, len(totals) - 1)
            work += rounds * totals[-1] + totals[rest]
        # A hash below one step of work: the total gets odd digits and still never falls.
        return (self.scale * work + stable(self.name, work) % self.scale) // self.divisor

    def between(self, first: int, last: int) -> int:
        """The usage in the slots `[first, last)`."""
        return self.until(last) - self.until(first)


def stream(
    name: str, scale: int, born: int, cycles: Cycles = STEADY, *, last: int = FOREVER, divisor: int = 1
) -> Stream:
    """A stream of about `scale` thousand units a day, whose course is fixed by its name."""
    # Whole weeks, so that every stream rests at the same weekend.
    phase = stable("phase", name) % 253 * 7 * DAY_SLOTS
    return Stream(name, scale, born, phase, cycles, last, divisor)


def used(meters: Mapping[str, Stream], first: int, last: int) -> Counter[str]:
    """The usage of each meter in the slots `[first, last)`; only what is not zero."""
    if first >= last:
        return Counter()
    return Counter({name: amount for name, meter in meters.items() if (amount := meter.between(first, last))})
