"""Numbers for values: what rows have in common is worked out once, and found again by its number."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np

Value = TypeVar("Value", bound=Hashable)
Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]


def number_values(numbers: dict[Value, int], values: Sequence[Value]) -> Numbers:
    """The number of each value in `numbers`, to which new ones are added."""
    new = [value for value in dict.fromkeys(values) if value not in numbers]
    numbers.update(zip(new, range(len(numbers), len(numbers) + len(new)), strict=True))
    return np.fromiter(map(numbers.__getitem__, values), np.int64, len(values))


def number_pairs(ones: Sequence[Value], others: Sequence[Value]) -> tuple[list[tuple[Value, Value]], Numbers]:
    """The distinct pairs, and the number of each pair among them."""
    of_ones: dict[Value, int] = {}
    of_others: dict[Value, int] = {}
    one, other = number_values(of_ones, ones), number_values(of_others, others)
    distinct, which = np.unique(one * len(of_others) + other, return_inverse=True)
    first, second = [*of_ones], [*of_others]
    return [(first[code // len(second)], second[code % len(second)]) for code in distinct.tolist()], which
