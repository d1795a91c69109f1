"""Cost of keeping a long secret out of texts, as a multiple of that of a key of ordinary length; prints the ratios."""

import random
import statistics
import string
import sys
import time
from collections.abc import Callable

from usage_ledger.core import redaction

LENGTHS = (56, 4096)
TEXT = ("loaded 12 rows of usage for acme on 2026-11-12; " * 30)[:1200]
ROUNDS = 50


def secret(length: int, drawn: random.Random) -> str:
    """A key as providers make them."""
    return "sk-" + "".join(drawn.choices(string.ascii_letters + string.digits + "-_", k=length - 3))


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure both lengths in turn, so that what else the machine does weighs on both alike."""
    drawn = random.Random(7)  # noqa: S311  no secrets
    protecting: dict[int, list[float]] = {length: [] for length in LENGTHS}
    redacting: dict[int, list[float]] = {length: [] for length in LENGTHS}
    for _ in range(ROUNDS):
        for length in LENGTHS:
            key = secret(length, drawn)
            redaction._protected = redaction.Protected()
            protecting[length].append(seconds(lambda key=key: redaction.protect(key)))
            redacting[length].append(seconds(lambda: [redaction.redact(TEXT) for _ in range(100)]) / 100)
    for name, measured in (("protect", protecting), ("redact 1.2 KB", redacting)):
        short, long = (statistics.median(measured[length]) for length in LENGTHS)
        sys.stdout.write(
            f"{name}: {short * 1000:.3f} ms for {LENGTHS[0]} characters, {long * 1000:.3f} ms for {LENGTHS[1]}: "
            f"{long / short:.1f} times\n"
        )


if __name__ == "__main__":
    main()
