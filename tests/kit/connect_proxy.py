"""A CONNECT proxy on loopback that leads every name to one port, and remembers what it was asked and what went by."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ConnectProxy:
    """What the proxy saw: the heads of requests, and the bytes that clients sent through the tunnel."""

    def __init__(self, listener: socket.socket, target: int, status: str) -> None:
        self.port = listener.getsockname()[1]
        self.heads: list[bytes] = []
        self.passed = b""
        self._listener, self._target, self._status = listener, target, status

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                client.settimeout(3)
                self.heads.append(client.recv(65536))
                client.sendall(f"HTTP/1.1 {self._status}\r\n\r\n".encode())
                if self._status.startswith("200"):
                    with socket.create_connection(("127.0.0.1", self._target), timeout=3) as server:
                        self._tunnel(client, server)

    def _tunnel(self, client: socket.socket, server: socket.socket) -> None:
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            while part := client.recv(65536):
                self.passed += part
                server.sendall(part)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)
        back.join(timeout=5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def connect_proxy(target: int, status: str = "200 Connection established") -> Iterator[ConnectProxy]:
    """A proxy whose every tunnel ends at this port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = ConnectProxy(listener, target, status)
        thread = threading.Thread(target=proxy.serve, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)
