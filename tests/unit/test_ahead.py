"""An item is prepared while the one before it is used: in order, each once, and errors where they would have come."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
import zstandard

from usage_ledger.core.ahead import Ahead
from usage_ledger.json.packed import unpacked


def test_items_come_in_order_each_once_from_another_thread() -> None:
    threads = set()

    def items() -> Iterator[int | None]:
        for number in (1, None, 3):
            threads.add(threading.get_ident())
            yield number

    with ThreadPoolExecutor(1) as thread:
        assert list(Ahead(items(), thread)) == [1, None, 3]
    assert threads
    assert threading.get_ident() not in threads


def test_one_item_is_prepared_and_no_more() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(9):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(1) as thread:
        ahead = Ahead(items(), thread)
        assert next(ahead) == 0
        ahead.wait()
        assert taken == [0, 1]


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with ThreadPoolExecutor(1) as thread:
        ahead = Ahead(items(), thread)
        assert next(ahead) == 1
        with pytest.raises(ValueError, match="broken"):
            next(ahead)


@pytest.mark.parametrize("text", [b"", b"a", b"ab" * 3_000_000])
def test_a_frame_is_unpacked_in_pieces(text: bytes) -> None:
    pieces = list(unpacked(BytesIO(zstandard.compress(text)), len(text)))
    assert b"".join(pieces) == text
    assert max(map(len, pieces), default=0) <= 2**20


@pytest.mark.parametrize("kept", [0.2, 0.9, 0.999])
def test_a_frame_that_is_cut_off_is_damaged(kept: float) -> None:
    text = bytes(range(256)) * 20_000
    frame = zstandard.compress(text)
    with pytest.raises(zstandard.ZstdError):
        list(unpacked(BytesIO(frame[: int(len(frame) * kept)]), len(text)))


def test_a_frame_that_holds_more_is_left_after_a_piece_too_many() -> None:
    pieces = unpacked(BytesIO(zstandard.compress(b"\0" * 2**30)), 10)
    assert len(next(pieces)) <= 2**20
    with pytest.raises(zstandard.ZstdError):
        next(pieces)
