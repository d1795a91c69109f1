"""Servers that answer as a test scripts them."""

from collections.abc import Callable, Iterator

import pytest
from scripted_server import Reply, Scripted


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    """Makes servers with these replies; closes them when the test ends."""
    opened: list[Scripted] = []

    def make(*replies: Reply) -> Scripted:
        server = Scripted()
        server.replies = list(replies)
        opened.append(server)
        return server

    yield make
    for server in opened:
        server.close()
