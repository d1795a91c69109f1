"""Decides which addresses may be called."""

import os
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from usage_ledger.core.provider_errors import HostRefused
from usage_ledger.model.provider import Provider

TRANSLATED = ip_network("64:ff9b::/96")
"""NAT64 (RFC 6052): the last four bytes are an IPv4 address."""
METADATA = frozenset(
    map(
        ip_address, ("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
    )
)
"""Addresses where clouds serve credentials, in addition to link-local ones: Amazon, Google, Alibaba, Oracle, Azure."""


def base_url(provider: Provider, host: str | None) -> str:
    """The base URL to call: the provider's own, or the connection's full URL if it is allowed.

    Allowed are the provider's hosts over https, and `host:port` pairs of USAGE_LEDGER_ALLOWED_HOSTS; plain http
    only for loopback. Raises `HostRefused`.
    """
    if not host:
        return provider.base_url
    try:
        url = urlsplit(host.strip())
        port = url.port if url.port is not None else {"https": 443, "http": 80}.get(url.scheme, 0)
    except ValueError as error:
        raise HostRefused("the connection's host has no valid name or port") from error
    shown = f"{url.scheme}://{url.hostname}"
    name = url.hostname or ""
    plain = re.fullmatch(r"[!-~]+", host.strip()) and not {"?", "#", "@", "\\"} & set(host)
    if url.scheme not in ("https", "http") or not name or not plain:
        raise HostRefused(
            "the connection's host is not a plain URL",
            next_step=f"write it with its scheme, as {provider.base_url}, or leave it empty",
        )
    if url.scheme == "https" and port == 443 and any(map(name_pattern(name), provider.hosts)):
        return host.strip().rstrip("/")
    if f"{name}:{port}" not in allowed_hosts() and f"[{name}]:{port}" not in allowed_hosts():
        raise HostRefused(f"{shown}:{port} is not an allowed host for {provider.title}")
    if url.scheme == "http" and not is_loopback(name):
        raise HostRefused(
            f"{shown}:{port} is plain http", next_step="use https; plain http is allowed only for loopback"
        )
    return host.strip().rstrip("/")


def name_pattern(name: str) -> Callable[[str], bool]:
    """A test whether a declared host matches this name; `{label}` matches one label."""
    return lambda host: bool(re.fullmatch(re.sub(r"\\{\w+\\}", "[a-z0-9-]{1,63}", re.escape(host)), name))


def allowed_hosts() -> frozenset[str]:
    """The `host:port` pairs that the deployment allows, comma-separated, in USAGE_LEDGER_ALLOWED_HOSTS."""
    listed = os.environ.get("USAGE_LEDGER_ALLOWED_HOSTS", "")
    return frozenset(entry.strip().lower() for entry in listed.split(",") if entry.strip())


def permitted(name: str, port: int, address: str) -> bool:
    """Whether a host may be called at this IP address.

    A provider's own host must be public. A host that the deployment allows may be on a private network, but never at an
    address where clouds serve credentials. Loopback addresses are only for loopback names.
    """
    ip = _target(address)
    if is_loopback(name) or ip.is_loopback:
        return is_loopback(name) and ip.is_loopback
    if ip.is_unspecified or ip.is_multicast or ip.is_link_local or ip.is_reserved or ip in METADATA:
        return False
    public = ip.is_global and not (isinstance(ip, IPv6Address) and ip.is_site_local)
    return public or bool({f"{name}:{port}", f"[{name}]:{port}"} & allowed_hosts())


def _target(address: str) -> IPv4Address | IPv6Address:
    """The address that a packet would reach: the IPv4 address when one is embedded in an IPv6 address."""
    ip = ip_address(address.split("%")[0])
    if not isinstance(ip, IPv6Address):
        return ip
    if ip in TRANSLATED:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def is_loopback(name: str) -> bool:
    """True for `localhost` and literal loopback addresses."""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
