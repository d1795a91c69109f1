"""Requests to a server of the user's own: checked as any host is, and never with the provider's key."""

import re
from collections.abc import Generator
from dataclasses import replace

import httpx

from usage_ledger.core import redaction
from usage_ledger.core.errors import ConfigError
from usage_ledger.http.address import base_url
from usage_ledger.http.bearer import RenewableAuth
from usage_ledger.http.credential import Credential
from usage_ledger.http.page import Call
from usage_ledger.model.provider import Provider
from usage_ledger.model.refusal import Refusal
from usage_ledger.model.request import OwnServer


def to_own_server(call: Call, server: OwnServer, provider: Provider, credential: Credential) -> Call:
    """The call, sent to the server whose base URL the connection names. Raises `ConfigError`, `HostRefused`."""
    address = credential.text(server.address)
    if not address:
        raise ConfigError(
            f"the setting `{server.address}` has no value, and the report is read from that server",
            next_step=f"write its base URL under `settings.{server.address}`",
        )
    return replace(call, origin=base_url(provider, address), server=server)


class OwnServerAuth(RenewableAuth):
    """Sends the server's own bearer token, or nothing where the connection has none."""

    def __init__(self, server: OwnServer, credential: Credential) -> None:
        """Raises `ConfigError` for a token that no header can hold."""
        self._token = credential.text(server.bearer) if server.bearer else ""
        if not re.fullmatch(r"[\x21-\x7e]*", self._token):
            raise ConfigError(
                f"the setting `{server.bearer}` holds blanks or control characters", next_step="store it again"
            )
        redaction.protect(self._token)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def answers_of(server: OwnServer, provider: Provider) -> Provider:
    """The provider as errors of the server speak of it: a refusal says nothing of the provider's key or account."""
    token = f" and the secret setting `{server.bearer}`" if server.bearer else ""
    access = f"correct `settings.{server.address}`{token}"
    return replace(
        provider,
        title=f"the server of `settings.{server.address}`",
        refusals=(
            *(Refusal("permission", access, status=status) for status in (401, 403)),
            Refusal("request", f"correct `settings.{server.address}`: below it /api/v1/query_range is", status=404),
        ),
        error_messages=("error", "message", "error/message"),
    )
