"""Fills the placeholders of a declared request."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from usage_ledger.core.errors import ConfigError
from usage_ledger.http.address import base_url
from usage_ledger.http.page import Call
from usage_ledger.model.provider import Provider
from usage_ledger.model.request import Request

Values = Mapping[str, str | int]


def fill_request(request: Request, values: Values, provider: Provider, host: str | None = None) -> Call:
    """The call that a request makes with these values.

    A parameter whose placeholder has no value is left out. `host`, a connection's own base URL, replaces every base.
    Raises `ConfigError`, `HostRefused`.
    """
    return Call(
        path=fill_path(request.path, values),
        query=tuple(
            (name, _value(value, values) if isinstance(value, str) else value)
            for name, value in request.query
            if not isinstance(value, str) or _placeholder(value, values) != ""
        ),
        method=request.method,
        body=json.dumps(_filled(json.loads(request.body), values)) if request.body else "",
        origin="" if host or not request.base else base_url(provider, _host(request.base, values)),
        accept=request.accept,
        headers=request.headers,
    )


def fill_path(template: str, values: Values) -> str:
    """A path with its placeholders filled, each as exactly one percent-encoded segment. Raises `ConfigError`."""
    for name, value in values.items():
        if value in (".", ".."):
            raise ConfigError(f"{value!r} cannot be an id in an address")
        template = template.replace("{" + name + "}", quote(str(value), safe=""))
    return template


def _host(template: str, values: Values) -> str:
    for name, value in values.items():
        template = template.replace("{" + name + "}", str(value))
    return template


def _value(value: str, values: Values) -> str:
    return str(_placeholder(value, values))


def _placeholder(value: str, values: Values) -> str | int:
    """The value of a text that is exactly one placeholder; any other text unchanged."""
    return values.get(value[1:-1], value) if value.startswith("{") and value.endswith("}") else value


def _filled(document: Any, values: Values) -> Any:
    if isinstance(document, dict):
        return {name: _filled(value, values) for name, value in document.items()}
    if isinstance(document, list):
        return [_filled(one, values) for one in document]
    return _placeholder(document, values) if isinstance(document, str) else document
