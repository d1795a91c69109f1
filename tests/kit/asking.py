"""A client of a scripted server, and answers made byte by byte."""

import contextlib
import gzip
import json
import math
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from kit.scripted_server import Scripted
from usage_ledger.http.auth import Credential
from usage_ledger.http.body import Limits
from usage_ledger.http.client import Client
from usage_ledger.http.page import Call
from usage_ledger.http.retry import Retries
from usage_ledger.model import Cursor, Paging
from usage_ledger.providers.fireworks import FIREWORKS

KEY = "fw_clientKey+9Xq2/Lm7Zt"
PROVIDER = replace(FIREWORKS, requests_per_minute=math.inf)  # type: ignore[arg-type]  no pacing
PAGING = Cursor("nextPageToken", "pageToken")
TIGHT = Limits(
    connect_seconds=2,
    read_seconds=2,
    total_seconds=0.4,
    encoded_bytes=200_000,
    decoded_bytes=3 * 2**20,
    inflation=50,
    pages=5,
    all_bytes=4 * 2**20,
)
JSON = "Content-Type: application/json"
GZIP = "Content-Encoding: gzip"
WHOLE = json.dumps({"serverlessCosts": [{"promptTokens": str(n)} for n in range(3000)]}).encode()
PACKED = gzip.compress(WHOLE)
ONCE = Retries(attempts=1)

Server = Callable[..., Scripted]


def http(body: bytes | str = b"{}", status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """An answer with its length."""
    sent = body.encode() if isinstance(body, str) else body
    lines = headers or (JSON,)
    size = len(sent) if length is None else length
    head = "\r\n".join((f"HTTP/1.1 {status}", *lines, f"Content-Length: {size}", "Connection: close"))
    return head.encode() + b"\r\n\r\n" + sent


def bare(body: bytes, *headers: str) -> bytes:
    """An answer without a length: it ends where the connection does."""
    return "\r\n".join(("HTTP/1.1 200 OK", JSON, *headers, "Connection: close")).encode() + b"\r\n\r\n" + body


def chunked(*parts: bytes, end: bool) -> bytes:
    """An answer in chunks, with the last one or cut off before it."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    head = f"HTTP/1.1 200 OK\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + body + (b"0\r\n\r\n" if end else b"")


def drip(head: bytes, one: bytes, seconds: float = 60) -> Callable[[socket.socket], None]:
    """A head, and then the same few bytes again and again, until the client goes."""

    def send(connection: socket.socket) -> None:
        connection.sendall(head)
        connection.settimeout(0.05)
        until = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            while time.monotonic() < until:
                connection.sendall(one)
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(1):
                        return

    return send


def page(token: object = None, **more: object) -> bytes:
    """One page, with the token of the next."""
    return http(json.dumps(more if token is None else {"nextPageToken": token, **more}))


class Asking:
    """A client of a scripted server, and the waits that it asked for."""

    def __init__(self, server: Scripted, *, limits: Limits = TIGHT, retries: Retries | None = None) -> None:
        self.server = server
        self.waits: list[float] = []
        self.client = Client(
            PROVIDER,
            base_url=server.url,
            credential=Credential(KEY),
            account="acme",
            limits=limits,
            retries=retries,
            sleep=self.waits.append,
        )

    def ask(self, path: str = "/v1/accounts") -> bytes:
        with self.client:
            return self.client.ask(Call(path)).body

    def pages(self, paging: Paging | None = PAGING) -> list[bytes]:
        with self.client:
            return [page.body for page in self.client.pages(Call("/v1/x", (("pageSize", "2"),)), paging)]
