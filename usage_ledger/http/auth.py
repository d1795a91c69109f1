"""A declared kind of authentication and a credential become an `httpx.Auth`."""

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

import httpx

from usage_ledger.core import redaction
from usage_ledger.core.provider_errors import BadKey
from usage_ledger.model.provider import HeaderKey, Provider


@dataclass(frozen=True, slots=True)
class Credential:
    """A key, and the settings that the provider declares. `repr` shows neither."""

    key: str = field(repr=False)
    settings: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict, repr=False)
    host: str | None = None
    """A base URL that replaces the provider's own."""


def auth_of(provider: Provider, credential: Credential) -> httpx.Auth:
    """The authentication of each request and retry. From now on every secret of the credential is redacted.

    Raises `BadKey` for a key that cannot be sent, or is of the wrong kind.
    """
    key = credential.key
    if not key or not re.fullmatch(r"[\x21-\x7e]+", key):
        raise BadKey("the connection has no key" if not key else "the key holds blanks or control characters")
    redaction.protect(key)
    for setting in provider.settings:
        value = credential.settings.get(setting.name)
        if setting.secret and isinstance(value, str) and value:
            redaction.protect(value)
    for beginning, kind in provider.auth.other_keys:
        if key.startswith(beginning):
            raise BadKey(f"the key is {kind}", next_step=f"use {provider.key_help}")
    return _HeaderAuth(provider.auth, key)


class _HeaderAuth(httpx.Auth):
    def __init__(self, declared: HeaderKey, key: str) -> None:
        self._name, self._value = declared.header, f"{declared.scheme} {key}".strip()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers[self._name] = self._value
        yield request
