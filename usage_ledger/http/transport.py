"""httpx's transport over sockets of our own: one deadline for a whole request, and no address that was not checked.

Every read and write, of headers too, waits at most until the deadline. A name is resolved once, and the connection
goes to the very address that was checked, so that a name cannot mean another host a moment later; the certificate is
still held against the name.
"""

import os
import socket
import ssl
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import httpcore
import httpx

from usage_ledger.core.errors import ConfigError
from usage_ledger.core.provider_errors import HostRefused
from usage_ledger.http.address import is_loopback, permitted
from usage_ledger.http.proxy import outbound_proxy

CA_FILE = "USAGE_LEDGER_CA_FILE"


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
        *others, last = checked_addresses(host, port)
        for address in others:
            try:
                return self._connected(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # a host may have an address of a family that this machine has no route to
        return self._connected(last, port, timeout, local_address, socket_options)

    def _connected(self, address: str, port: int, timeout: float | None, *options: Any) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout)
        return _Stream(self._sockets.connect_tcp(address, port, left, *options), self._deadline)


def checked_addresses(host: str, port: int) -> list[str]:
    """The addresses of a host. Raises `HostRefused` for one that is not to be spoken to, `httpcore.ConnectError`."""
    try:
        resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host!r} cannot be resolved") from error
    addresses = list(dict.fromkeys(str(info[4][0]) for info in resolved))
    refused = [address for address in addresses if not permitted(host, port, address)]
    if refused:
        raise HostRefused(
            f"{host} is at {refused[0]}, which is no public address",
            next_step=f"if that is meant, name {host}:{port} in USAGE_LEDGER_ALLOWED_HOSTS",
        )
    return addresses


def trusted() -> ssl.SSLContext:
    """TLS 1.2 or newer, certificates always verified: by the built-in authorities, and those of USAGE_LEDGER_CA_FILE.

    Raises `ConfigError` when that file holds none.
    """
    setting = os.environ.get(CA_FILE, "")
    try:
        return _trusting(Path(setting).read_text(encoding="ascii") if setting else None)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{CA_FILE} names no readable file of certificates",
            next_step="give the path of a PEM file, or leave it empty",
        ) from error


@cache
def _trusting(certificates: str | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False  # a name counts where names belong, not in a certificate's title
    if certificates is not None:
        context.load_verify_locations(cadata=certificates)
    return context


class _ProxyBackend(_Backend):
    """Speaks with the deployment's proxy alone, wherever it is; the proxy looks up the provider's name."""

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, *options: Any, **more: Any) -> Any:
        left = self._deadline.left(timeout)
        return _Stream(self._sockets.connect_tcp(host, port, left, *options, **more), self._deadline)


class _ThroughProxy(httpx.BaseTransport):
    """Through the proxy, but to loopback directly. The proxy gets ciphertext alone."""

    def __init__(self, direct: httpx.HTTPTransport, proxied: httpx.HTTPTransport) -> None:
        self._direct, self._proxied = direct, proxied

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if is_loopback(request.url.host):
            return self._direct.handle_request(request)
        if request.url.scheme != "https":
            raise HostRefused(f"{request.url.host} is plain http", next_step="use https; http is for loopback alone")
        return self._proxied.handle_request(request)

    def close(self) -> None:
        self._direct.close()
        self._proxied.close()


def transport(deadline: Deadline) -> httpx.BaseTransport:
    """httpx's own transport over sockets that keep the deadline and go to checked addresses, or to the proxy, alone.

    Raises `ConfigError` for a malformed proxy or certificate file.
    """
    direct = _over(_Backend(deadline))
    proxy = outbound_proxy()
    return _ThroughProxy(direct, _over(_ProxyBackend(deadline), proxy)) if proxy else direct


def _over(backend: _Backend, proxy: httpx.Proxy | None = None) -> httpx.HTTPTransport:
    plain_transport = httpx.HTTPTransport(verify=trusted(), http2=True, trust_env=False, proxy=proxy)
    # httpx names no argument for it; httpcore does.
    plain_transport._pool._network_backend = backend
    return plain_transport
