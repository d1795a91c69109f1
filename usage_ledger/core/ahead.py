"""Works one item ahead: what needs no interpreter, such as inflating, hashing and encoding, then costs no time."""

from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any, TypeVar, cast

Item = TypeVar("Item")
_END: Any = object()


class Ahead(Iterator[Item]):
    """The items of an iterator; a thread prepares the next one while this one is used."""

    def __init__(self, items: Iterator[Item], thread: Executor) -> None:
        self._items, self._thread = items, thread
        self._next = thread.submit(next, items, _END)

    def __next__(self) -> Item:
        item = self._next.result()
        if item is _END:
            raise StopIteration
        self._next = self._thread.submit(next, self._items, _END)
        return cast(Item, item)

    def wait(self) -> None:
        """Wait for the item that is being prepared: the iterator is nobody's then until the next call.

        Raises what preparing it raised.
        """
        self._next.result()
