"""Texts of whole numbers are read at once where all of them are canonical counts, and one by one where one is not."""

import random

import pytest

from usage_ledger.reading.counts import _integers

ODD = [
    " 7",
    "7 ",
    "+7",
    "-7",
    "-0",
    "007",
    "1e3",
    "12.0",
    "1,2",
    "",
    "1_000",
    "٣",
    "null",
    "[]",
    "\ud800",
    None,
    7,
    True,
]


def test_counts_are_the_numbers_that_are_written() -> None:
    drawn = random.Random(1)  # noqa: S311
    numbers = [0, 1, 2**63 - 1, 2**63, 2**64, *(drawn.randrange(10 ** drawn.randrange(1, 25)) for _ in range(1000))]
    assert _integers([str(number) for number in numbers]) == numbers


@pytest.mark.parametrize("odd", ODD)
def test_nothing_is_read_at_once_beside_what_is_no_canonical_count(odd: object) -> None:
    for values in ([odd], ["1", odd], [odd, "2"], ["1", odd, "2"]):
        assert _integers(values) is None


def test_of_nothing_there_is_no_sum() -> None:
    assert _integers([]) is None
