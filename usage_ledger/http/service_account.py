"""Tokens of a service account: the vendor's library makes the requests, our guarded transport sends them.

The library itself speaks with the machine's metadata server and with the place that a federation's token comes from,
which the guarded transport refuses, rightly; whatever holds a secret of ours goes to the token URL's own domain.
"""

import json
import time
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from urllib.parse import urlsplit

import httpx

from usage_ledger.core import errors
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.provider_errors import BadKey, HostRefused, IncompleteAnswer
from usage_ledger.core.pseudonym import hide_addresses
from usage_ledger.http.bearer import BearerAuth, RenewableAuth, Token, token_of
from usage_ledger.http.credential import Credential, Federation, Machine
from usage_ledger.http.secrets import library_missing, protect_pem
from usage_ledger.http.token_request import TokenAnswer, ask_for_token, issuer_url
from usage_ledger.json.text import plain
from usage_ledger.model.auth import ServiceAccount


def service_account_auth(declared: ServiceAccount, credential: Credential) -> RenewableAuth:
    """The bearer of a service account's tokens. Raises `BadKey`, `ConfigError`."""
    try:
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
    except ImportError:
        raise library_missing(declared.extra) from None
    identity = _Identity(declared, credential)

    def obtain(_: str) -> Token:
        failure: errors.UsageLedgerError
        try:
            credentials = identity.credentials()
        except DefaultCredentialsError as error:
            failure = BadKey(
                f"this machine has no identity that gets a token: {_sentence(error)}",
                next_step="give the worker a workload identity, or store a service account's key file",
            )
        except TransportError as error:
            failure = errors.Unreachable(f"this machine's identity is not answered: {_sentence(error)}")
        except GoogleAuthError as error:
            kind = errors.Unreachable if getattr(error, "retryable", False) else BadKey
            step = "set the clock of this machine (NTP), then run again" if "timeframe" in str(error) else ""
            failure = kind(f"no token is issued: {_sentence(error)}", next_step=step)
        else:
            ends = credentials.expiry.replace(tzinfo=UTC).timestamp() if credentials.expiry else time.time()
            return token_of(str(credentials.token or ""), max(0.0, ends - time.time()), "the issuer of tokens")
        raise failure

    return BearerAuth(obtain)


class _Identity:
    """Whose token it is: a key file's, a federation's or the machine's, or whom that may impersonate."""

    def __init__(self, declared: ServiceAccount, credential: Credential) -> None:
        self._scopes, self._key = list(declared.scopes), credential.key
        self._chain = [one.strip() for one in credential.text("impersonation_chain").split(",") if one.strip()]
        self._document: dict[str, Any] = {}
        hosts: set[str] = set()
        match self._key:
            case str():
                self._document = key_file(self._key) | {"token_uri": declared.issuer_url}
            case Federation():
                self._document = dict(self._key.configuration)
                hosts = _federation_hosts(self._document)
            case Machine():
                pass
            case _:
                raise ConfigError("a token file is no identity of this provider")
        self._transport = _Transport(declared, credential.host, None if isinstance(self._key, Machine) else hosts)

    def credentials(self) -> Any:
        """The library's credentials with a token. New ones each time: the last may hold the token that was refused."""
        import google.auth
        from google.auth import impersonated_credentials

        credentials = self._source(google.auth)
        if self._chain:
            *others, target = self._chain
            delegates = [f"projects/-/serviceAccounts/{one}" for one in others]
            credentials = impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]
                credentials, target_principal=target, target_scopes=self._scopes, delegates=delegates, lifetime=3600
            )
        credentials.refresh(self._transport)
        return credentials

    def _source(self, library: Any) -> Any:
        from google.oauth2.service_account import Credentials

        if isinstance(self._key, Machine):
            return library.default(scopes=self._scopes, request=self._transport)[0]
        if isinstance(self._key, Federation):
            return _federation(self._document, self._scopes)
        try:
            return Credentials.from_service_account_info(self._document, scopes=self._scopes)  # type: ignore[no-untyped-call]
        except ValueError:
            pass
        raise BadKey("the key file's private key cannot be read", next_step="download a new key file")


def _federation(document: dict[str, Any], scopes: list[str]) -> Any:
    """Credentials that exchange another vendor's token, which is signed here or lies in a file or behind a URL."""
    from google.auth import aws, identity_pool

    kind = identity_pool if "environment_id" not in document["credential_source"] else aws
    failure = None
    try:
        return kind.Credentials.from_info(document, scopes=scopes)
    except (ValueError, TypeError) as error:
        failure = f"the credential configuration cannot be used: {_sentence(error)}"
    raise ConfigError(failure)


def key_file(text: str) -> dict[str, Any]:
    """A service account's key file, its private key protected. Raises `BadKey` for anything else."""
    try:
        document = json.loads(text, strict=False)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise BadKey("the key is no JSON", next_step="store the service account's whole key file")
    kind, private = document.get("type"), document.get("private_key")
    if isinstance(private, str):
        protect_pem(private)
    if kind != "service_account" or not isinstance(private, str) or not document.get("client_email"):
        raise BadKey(
            f"the key file is of type {str(kind)[:40]!r}, not a whole one of a service account",
            next_step="store the key file of a service account that may read the billing export",
        )
    return document


def _federation_hosts(document: Mapping[str, Any]) -> set[str]:
    """The hosts that a federation's own token comes from. Raises `ConfigError` for what is no federation."""
    source = document.get("credential_source")
    if document.get("type") != "external_account" or not isinstance(source, dict) or "executable" in source:
        raise ConfigError(
            "the credential configuration is no workload identity federation by file, URL or environment",
            next_step="create it with `gcloud iam workload-identity-pools create-cred-config`",
        )
    return {urlsplit(value).hostname or "" for value in source.values() if isinstance(value, str) and "://" in value}


class _Transport:
    """What the library sends its requests with."""

    def __init__(self, declared: ServiceAccount, host: str | None, own: set[str] | None) -> None:
        self._domain = (urlsplit(declared.issuer_url).hostname or "").partition(".")[2]
        self._host, self._own = host, own

    def __call__(self, url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> "_Reply":
        address = urlsplit(url)
        name = address.hostname or ""
        content = body.encode() if isinstance(body, str) else body or b""
        if address.scheme == "https" and name.endswith(f".{self._domain}"):
            answer = ask_for_token(issuer_url(url, self._host), body=content, headers=headers or {}, method=method)
            if answer.status == 200 and not plain(answer.body).lstrip().startswith(b"{"):
                raise IncompleteAnswer(f"{name} answered 200 without a token")
            return _Reply(answer)
        if self._own is not None and name not in self._own:
            raise HostRefused(f"the credential names {name} to ask for a token", next_step="store another credential")
        return _of_machine(method, url, content, headers or {})


def _of_machine(method: str, url: str, content: bytes, headers: Mapping[str, str]) -> "_Reply":
    """Ask the machine itself, at an address that the guarded transport refuses."""
    from google.auth.exceptions import TransportError

    try:
        with httpx.Client(trust_env=False, timeout=5) as client:
            response = client.request(method, url, content=content, headers=dict(headers))
    except httpx.HTTPError as error:
        failure = type(error).__name__
    else:
        return _Reply(TokenAnswer(response.status_code, response.headers, response.content))
    raise TransportError(failure)  # type: ignore[no-untyped-call]


class _Reply:
    """An answer as the library reads it."""

    def __init__(self, answer: TokenAnswer) -> None:
        self.status, self.headers, self.data = answer.status, answer.headers, answer.body


def _sentence(error: Exception) -> str:
    """The library's own sentence, without the rest of the answer and people's addresses."""
    return errors.one_line(hide_addresses(str(error.args[0] if error.args else error)), 500)
