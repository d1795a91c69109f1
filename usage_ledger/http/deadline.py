"""Holds a whole request, its headers too, to one deadline: every read and write waits at most until then."""

import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx


class Deadline:
    """When the request under way must be over, on the monotonic clock."""

    def __init__(self) -> None:
        self.at = float("inf")

    def left(self, timeout: float | None) -> float:
        """Seconds that one operation may take. Raises `httpcore.ReadTimeout` past the deadline."""
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise httpcore.ReadTimeout("the request's deadline has passed")
        return min(seconds, timeout) if timeout is not None else seconds


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:
        return _Stream(
            self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout)), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()


class _Backend(httpcore.NetworkBackend):
    def __init__(self, deadline: Deadline) -> None:
        self._deadline, self._sockets = deadline, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout)
        return _Stream(self._sockets.connect_tcp(host, port, left, local_address, socket_options), self._deadline)


def transport(deadline: Deadline) -> httpx.HTTPTransport:
    """httpx's own transport over sockets that keep the deadline."""
    made = httpx.HTTPTransport(http2=True, trust_env=False)
    # httpx names no argument for it; httpcore does.
    made._pool._network_backend = _Backend(deadline)
    return made
