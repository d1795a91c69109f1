"""The outbound proxy that a deployment names; never one of the environment's own variables."""

import os
import re
from urllib.parse import unquote, urlsplit

import httpx

from usage_ledger.core import redaction
from usage_ledger.core.errors import ConfigError

SETTING = "USAGE_LEDGER_PROXY"


def outbound_proxy() -> httpx.Proxy | None:
    """The proxy of USAGE_LEDGER_PROXY, its password protected; None when it is empty.

    Raises `ConfigError`, which does not show the value: it may hold a password.
    """
    value = os.environ.get(SETTING, "")
    if not value:
        return None
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        raise _malformed() from None
    host = url.hostname or ""
    plain = re.fullmatch(r"[!-~]+", value) and re.fullmatch(r"[A-Za-z0-9.:_-]+", host)
    whole = url.scheme == "http" and url.path in ("", "/") and not url.query and not url.fragment
    if not plain or not whole or not port or value.count("@") > 1:
        raise _malformed()
    password = unquote(url.password or "")
    redaction.protect(password)
    auth = (unquote(url.username), password) if url.username is not None else None
    return httpx.Proxy(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}", auth=auth)


def _malformed() -> ConfigError:
    return ConfigError(
        f"{SETTING} is not the address of a proxy",
        next_step="write it as http://host:port or http://user:password@host:port, special characters as %40, "
        "or leave it empty",
    )
