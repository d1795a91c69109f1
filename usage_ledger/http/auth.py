"""A declared kind of authentication and a credential become an `httpx.Auth`."""

from collections.abc import Generator

import httpx

from usage_ledger.core import redaction
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.provider_errors import BadKey
from usage_ledger.http.bearer import RenewableAuth
from usage_ledger.http.client_credentials import client_credentials_auth
from usage_ledger.http.credential import Credential
from usage_ledger.http.own_token import own_token_auth
from usage_ledger.http.secrets import checked_secret
from usage_ledger.http.service_account import service_account_auth
from usage_ledger.http.signature import signature_auth
from usage_ledger.model.auth import ClientCredentials, HeaderKey, ServiceAccount, SignedJwt, SigV4
from usage_ledger.model.provider import Provider

__all__ = ["Credential", "auth_of"]


def auth_of(provider: Provider, credential: Credential, account: str = "") -> RenewableAuth:
    """The authentication of each request and retry. From now on every secret of the credential is redacted.

    Raises `BadKey` for a key that cannot be sent or is of the wrong kind, `ConfigError` for a setting that is missing
    or a vendor's library that is not installed, `WrongAccount` for a key that names another account.
    """
    for setting in provider.settings:
        if setting.secret:
            redaction.protect(credential.text(setting.name))
    match provider.auth:
        case HeaderKey():
            return _header_auth(provider, provider.auth, credential)
        case SigV4():
            return signature_auth(provider.auth, credential)
        case ClientCredentials():
            return client_credentials_auth(provider.auth, credential, account)
        case ServiceAccount():
            return service_account_auth(provider.auth, credential)
        case SignedJwt():
            return own_token_auth(provider, provider.auth, credential, account)


def _header_auth(provider: Provider, declared: HeaderKey, credential: Credential) -> RenewableAuth:
    if not isinstance(credential.key, str):
        raise ConfigError(
            f"{provider.title} is asked with a key; a machine has no identity there",
            next_step="remove `credential` from the YAML, and store a key with `usage-ledger connect`",
        )
    key = checked_secret(credential.key)
    for beginning, kind in declared.other_keys:
        if key.startswith(beginning):
            raise BadKey(f"the key is {kind}", next_step=f"use {provider.key_help}")
    return _HeaderAuth(declared, key)


class _HeaderAuth(RenewableAuth):
    def __init__(self, declared: HeaderKey, key: str) -> None:
        self._name, self._value = declared.header, f"{declared.scheme} {key}".strip()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers[self._name] = self._value
        yield request
