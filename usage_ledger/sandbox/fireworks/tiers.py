"""What makes a month hard to check: classes of service that usage does not name, a batch, a price that changes."""

from datetime import date

PRIORITY, FAST, BATCH, RISE = (3, 2), (2, 1), (1, 2), (11, 10)
"""Times the price of the default class: of two other classes, of a batch, and after the change of a price."""
REPRICED_ON = date(2026, 11, 10)
MONDAY = 0


def price_on(pico: int, model: int, day: date, *, batch: bool = False) -> int:
    """Picodollars of a token on a UTC date, of a model by its position.

    The second model's prices rise; the third model's Mondays are served, and billed, as Priority throughout.
    """
    factors = [BATCH] * batch
    if model == 1 and day >= REPRICED_ON:
        factors.append(RISE)
    if model == 2 and day.weekday() == MONDAY:
        factors.append(PRIORITY)
    for times, parts in factors:
        pico = pico * times // parts
    return pico


def is_batch(key: int, model: int) -> bool:
    """Whether a key, by its position, uses a model in batches alone."""
    return (key, model) == (2, 0)
