"""Fills the placeholders of a declared request."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx

from usage_ledger.core.errors import ConfigError, one_line
from usage_ledger.http.address import base_url
from usage_ledger.http.page import Call
from usage_ledger.model.provider import Provider
from usage_ledger.model.request import Request, Template

Values = Mapping[str, str | int]
PLACEHOLDER = re.compile(r"\{([\w/]+)([+-]\d+)?\}", re.ASCII)
"""A name, or a path of an answer, and seconds that are added to a number."""
QUOTING = re.compile(r"[\"'`\\\x00-\x1f]")
"""What could end a text within a query."""


def fill_request(request: Request, values: Values, provider: Provider, host: str | None = None) -> Call:
    """The call that a request makes with these values.

    A parameter whose placeholder has no value is left out. `host`, a connection's own base URL, replaces every base.
    Raises `ConfigError`, `HostRefused`.
    """
    if request.statement:
        values = {**values, "statement": _filled_query(request.statement.text, values)}
    return Call(
        path=fill_path(request.path, values),
        query=tuple(
            (name, value if isinstance(value, tuple) else _value(value, values))
            for name, value in request.query
            if not isinstance(value, str) or _placeholder(value, values) != ""
        ),
        method=request.method,
        body=json.dumps(_filled(json.loads(request.body), values)) if request.body else "",
        origin="" if host else _origin(request, values, provider),
        accept=request.accept,
        headers=request.headers,
        audience=_filled_text(request.audience, values),
        no_content=request.no_content,
    )


def parts_of(call: Call) -> dict[str, Any]:
    """The parts of a call as httpx takes them: arrays as repeated parameters, a body as JSON.

    The authentication finds in the request's extensions for whom it is meant.
    """
    query = [(name, one) for name, value in call.query for one in ((value,) if isinstance(value, str) else value)]
    headers = httpx.Headers({"Accept": call.accept} | ({"Content-Type": "application/json"} if call.body else {}))
    headers.update(dict(call.headers))
    parts = {"params": query, "headers": headers, "extensions": {"audience": call.audience}}
    return parts | {"content": call.body.encode()} if call.body else parts


def _origin(request: Request, values: Values, provider: Provider) -> str:
    """The base that the request declares for the vendor; '' for the client's own."""
    template = request.base if isinstance(request.base, str) else ""
    return base_url(provider, _filled_text(template, values)) if template else ""


def fill_path(template: str, values: Values) -> str:
    """A path with its placeholders filled, each as exactly one percent-encoded segment.

    `{+name}` becomes a whole id: its segments, each encoded, and the slashes between them. Raises `ConfigError`.
    """
    for name, value in values.items():
        if value in (".", ".."):
            raise ConfigError(f"{value!r} cannot be an id in an address")
        template = template.replace("{" + name + "}", quote(str(value), safe=""))
        if "{+" + name + "}" in template:
            template = template.replace("{+" + name + "}", _whole_id(str(value)))
    return template


def with_items(call: Call, into: str, items: Sequence[Any]) -> Call:
    """The call with these items appended to a list of its body."""
    body = json.loads(call.body)
    return replace(call, body=json.dumps(body | {into: [*body.get(into, ()), *items]}))


def _whole_id(value: str) -> str:
    """An id with its slashes, but for one at its beginning, which the template has. Raises `ConfigError`."""
    segments = value.removeprefix("/").split("/")
    if {"", ".", ".."} & {*segments}:
        raise ConfigError(f"{one_line(value, 100)!r} cannot be an id in an address")
    return "/".join(quote(segment, safe="") for segment in segments)


def _filled_text(template: str, values: Values) -> str:
    for name, value in values.items():
        template = template.replace("{" + name + "}", str(value))
    return template


def _value(value: str | Template, values: Values) -> str:
    return _filled_query(value.text, values) if isinstance(value, Template) else str(_placeholder(value, values))


def _filled_query(text: str, values: Values) -> str:
    """A query, whose own braces stay. Raises `ConfigError` for a value that could end a text in it."""

    def filled(match: re.Match[str]) -> str:
        value = str(_placeholder(match[0], values))
        if match[1] in values and QUOTING.search(value):
            raise ConfigError(f"{one_line(value, 100)!r} cannot be part of a query")
        return value

    return PLACEHOLDER.sub(filled, text)


def _placeholder(value: str, values: Values) -> str | int:
    """The value of a text that is exactly one placeholder; any other text unchanged."""
    match = PLACEHOLDER.fullmatch(value)
    if match is None or match[1] not in values:
        return value
    one = values[match[1]]
    return one + int(match[2]) if match[2] and isinstance(one, int) else one


def _filled(document: Any, values: Values) -> Any:
    if isinstance(document, dict):
        return {name: _filled(value, values) for name, value in document.items()}
    if isinstance(document, list):
        return [_filled(one, values) for one in document]
    return _placeholder(document, values) if isinstance(document, str) else document
