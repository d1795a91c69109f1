"""A JWT that is signed here with the private key within an access key: nobody is asked for a token."""

import base64
import binascii
import json
import re
import time
from urllib.parse import quote, urlsplit

from usage_ledger.core import redaction
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.provider_errors import BadKey, WrongAccount
from usage_ledger.http.address import name_pattern
from usage_ledger.http.bearer import BearerAuth, RenewableAuth, Token, token_of
from usage_ledger.http.credential import Credential
from usage_ledger.http.secrets import checked_secret
from usage_ledger.model.auth import SignedJwt
from usage_ledger.model.provider import Provider

LIFETIME = 24 * 3600
"""Seconds that a token of ours is valid."""
ID = r"[A-Za-z0-9_-]{1,128}"


def own_token_auth(provider: Provider, declared: SignedJwt, credential: Credential, account: str) -> RenewableAuth:
    """The bearer of tokens that an access key signs. Raises `BadKey`, and `WrongAccount` for another account's key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    if not isinstance(credential.key, str):
        raise ConfigError(f"{provider.title} is asked with an access key; a machine has no identity there")
    key = checked_secret(credential.key)
    client, key_id, key_account, encoded = _parts(key)
    redaction.protect(encoded)
    try:
        private = load_der_private_key(base64.b64decode(encoded, validate=True), password=None)
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm):
        private = None  # outside of the handler: the cause may show the key
    if not isinstance(private, Ed25519PrivateKey):
        raise BadKey("the access key's private part is no Ed25519 key", next_step=f"use {provider.key_help}")
    if account and key_account != account:
        raise WrongAccount(f"the access key is of account {key_account}, the connection of {account}")
    issuer = f"{_issuer(provider, declared, credential.host, key_account)}/v1/clients/{quote(client, safe='')}"

    def obtain(_: str) -> Token:
        import jwt

        now = int(time.time())
        claims = {
            "iss": issuer,
            "aud": declared.audience.replace("{account}", key_account),
            "sub": client,
            "client_id": client,
            "iat": now,
            "exp": now + LIFETIME,
            "scope": "openid",
        }
        text = jwt.encode(claims, private, algorithm="EdDSA", headers={"kid": key_id, "typ": "at+jwt"})
        return token_of(text, LIFETIME, "the access key")

    return BearerAuth(obtain)


def _parts(key: str) -> tuple[str, str, str, str]:
    """Client, key id, account and private key. Raises `BadKey`, by name for the other forms."""
    parts = key.split(".", 3)
    if key.startswith("eyJ") and len(parts) >= 3:
        raise BadKey("the key is a JWT, which ends within a day", next_step="use the access key that it was made of")
    if len(parts) == 1 and _is_older(key):
        raise BadKey(
            "the access key is of the older form, base64 of a JSON object with an RSA key",
            next_step="generate a new access key for the same service client",
        )
    if len(parts) != 4 or not all(re.fullmatch(ID, part) for part in parts[:3]):
        raise BadKey("the access key is not client, key id, account and private key, joined by dots")
    client, key_id, account, private = parts
    return client, key_id, account, private


def _is_older(key: str) -> bool:
    try:
        document = json.loads(base64.b64decode(key + "=" * (-len(key) % 4)))
    except ValueError:
        return False
    return isinstance(document, dict) and "privateKey" in document


def _issuer(provider: Provider, declared: SignedJwt, host: str | None, account: str) -> str:
    """The declared issuer; the connection's own host where that is a name of the customer's."""
    name = urlsplit(host or "").hostname or ""
    if not host or any(map(name_pattern(name), provider.hosts)):
        return declared.issuer.replace("{account}", account)
    return host.rstrip("/")
