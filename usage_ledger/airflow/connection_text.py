"""Reads the text forms of an Airflow connection, a URI or JSON, as Airflow reads them."""

import json
import re
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from usage_ledger.airflow.metadata import Stored
from usage_ledger.core.errors import ConfigError

_SCHEME_IN_HOST = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


def parse(text: str, setting: str = "the connection") -> Stored:
    """A connection from Airflow's URI or JSON form. Raises `ConfigError`, which repeats nothing of it."""
    try:
        return _from_json(text) if text.lstrip().startswith("{") else _from_uri(text)
    except (ValueError, TypeError, AttributeError):
        raise ConfigError(
            f"{setting} is no connection URI or JSON",
            next_step="in a URI, percent-encode what is special in user and password, such as / ? # @",
        ) from None


def _from_json(text: str) -> Stored:
    document = json.loads(text)
    extra = document.get("extra") or {}
    return Stored(
        _normal_type(document.get("conn_type") or ""),
        document.get("host"),
        document.get("login"),
        document.get("password"),
        int(document["port"]) if document.get("port") else None,
        document.get("schema"),
        json.loads(extra) if isinstance(extra, str) else extra,
    )


def _from_uri(text: str) -> Stored:
    """Behind the connection's type may be a scheme, which belongs to the host: `fireworks://https://:key@host`."""
    conn_type, _, rest = text.partition("://")
    scheme = _SCHEME_IN_HOST.match(rest)
    parts = urlsplit(f"//{rest[scheme.end() :]}" if scheme else f"//{rest}")
    host = _host(parts)
    return Stored(
        _normal_type(conn_type),
        f"{scheme[1]}://{host}" if scheme and host else host,
        unquote(parts.username or "") or None,
        unquote(parts.password or "") or None,
        parts.port,
        unquote(parts.path[1:]) or None,
        _extra(parts.query),
    )


def _host(parts: SplitResult) -> str | None:
    """The host in lower case; a folder keeps its case."""
    host = unquote(parts.hostname or "")
    if "/" in host:
        host = unquote(parts.netloc.rsplit("@", 1)[-1].split(":", 1)[0])
    return host or None


def _extra(query: str) -> dict[str, Any]:
    options: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    if "__extra__" in options:
        extra = json.loads(options["__extra__"])
        if not isinstance(extra, dict):
            raise ValueError("the extra is not an object")
        return extra
    return options


def _normal_type(conn_type: str) -> str:
    return "postgres" if conn_type == "postgresql" else conn_type.replace("-", "_")
