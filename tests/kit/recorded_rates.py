"""Traffic whose every token is known, and the rates that a recording rule makes of it.

The rule is ideal: each sample is the tokens of the `over` seconds before it, divided by `over`. Samples are a minute
apart and lie off the minutes, as those of a real server do.
"""

import bisect
import itertools
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

DAYS = (date(2026, 11, 17), date(2026, 11, 18))
DAY = 86_400
START = int(datetime(2026, 11, 17, tzinfo=UTC).timestamp())
MINUTE = 60


class Recorded(NamedTuple):
    """One series of a metric: its samples as seconds since 1970 and value."""

    metric: str
    labels: tuple[tuple[str, str], ...]
    samples: list[tuple[int, float]]


class Traffic:
    """Requests of one model: seconds since 1970 and tokens, in order."""

    def __init__(self, kind: str, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311
        events = sorted(_events(kind, chance, START - DAY, START + len(DAYS) * DAY))
        self._times = [time for time, _ in events]
        self._totals = [0, *itertools.accumulate(tokens for _, tokens in events)]

    def between(self, first: float, last: float) -> int:
        """The tokens of the seconds in `[first, last)`."""
        low, high = (bisect.bisect_left(self._times, one) for one in (first, last))
        return self._totals[high] - self._totals[low]

    def on(self, day: date) -> int:
        """The tokens of a UTC date."""
        first = START + (day - DAYS[0]) // timedelta(days=1) * DAY
        return self.between(first, first + DAY)

    def on_local(self, day: date, zone: tzinfo) -> int:
        """The tokens of a date of a time zone; it must lie within the traffic."""
        first, end = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))
        return self.between(first.timestamp(), end.timestamp())

    def rates(self, metric: str, labels: dict[str, str], *, over: int, off: int) -> Recorded:
        """The rates of the days, and of the end of the day before, in tokens a second."""
        times = range(START - DAY + 600 + off, START + len(DAYS) * DAY + 1, MINUTE)
        return Recorded(metric, tuple(labels.items()), [(t, self.between(t - over, t) / over) for t in times])


def _events(kind: str, chance: random.Random, start: float, end: float) -> Iterator[tuple[float, int]]:
    time = start
    match kind:
        case "steady":
            while (time := time + chance.expovariate(1 / 5)) < end:
                yield time, chance.randint(50, 4000)
        case "bursts":
            for _ in range(6):
                time = begin = chance.uniform(start, end - 1800)
                while (time := time + chance.expovariate(1 / 3)) < begin + 1500:
                    yield time, chance.randint(500, 9000)
        case "sparse":
            for _ in range(9):
                yield chance.uniform(start, end), chance.randint(100, 3000)
