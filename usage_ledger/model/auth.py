"""How requests authenticate; data only. `usage_ledger/http/auth.py` makes an `httpx.Auth` of it and a credential.

Each type says what its key is called, whether a machine may have an identity of its own there instead, and which extra
of this package holds the vendor's library that it needs. The
`issuer_url` of tokens is the one place outside of the provider's hosts that a secret is sent to.
"""

from dataclasses import dataclass
from typing import ClassVar

from usage_ledger.model.refusal import Refusal

CLOCK = "set the clock of this machine (NTP), then run again: a signature is valid for five minutes"
KEY = "store a valid key; where it works in other regions, this region is not enabled for the account"
SESSION = "store new ones with their session token, or let `role_arn` or `credential: machine` renew them by itself"


@dataclass(frozen=True, slots=True)
class HeaderKey:
    """The key is sent as `header: scheme key`."""

    key_label: ClassVar[str] = "API key"
    machine: ClassVar[bool] = False
    extra: ClassVar[str] = ""
    refusals: ClassVar[tuple[Refusal, ...]] = ()

    header: str = "Authorization"
    scheme: str = "Bearer"
    other_keys: tuple[tuple[str, str], ...] = ()
    """Prefixes of keys of other kinds, and what they are: refused before any request."""


BEARER_KEY = HeaderKey()


@dataclass(frozen=True, slots=True)
class SigV4:
    """Each request is signed with AWS Signature Version 4 for its `audience`, `service/region`.

    The key is the secret access key. Settings: `access_key_id`, `session_token`; with `role_arn` (and `external_id`)
    the role's own keys sign, which STS issues for an hour.
    Source: docs.aws.amazon.com/IAM, "Signature Version 4"; docs.aws.amazon.com/STS, "AssumeRole".
    """

    key_label: ClassVar[str] = "Secret access key"
    machine: ClassVar[bool] = True
    extra: ClassVar[str] = "bedrock"
    refusals: ClassVar[tuple[Refusal, ...]] = (
        Refusal("key", CLOCK, code="RequestTimeTooSkewed"),
        Refusal("key", CLOCK, text=("signature expired", "signature not yet current")),
        Refusal("key", SESSION, code="ExpiredToken"),
        Refusal("key", SESSION, code="ExpiredTokenException"),
        Refusal("key", KEY, code="InvalidClientTokenId"),
        Refusal("key", KEY, code="UnrecognizedClientException"),
        Refusal("key", KEY, code="SignatureDoesNotMatch"),
        Refusal("key", KEY, code="InvalidSignatureException"),
    )

    issuer_url: str = "https://sts.{region}.amazonaws.com/"


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth 2.0 client credentials of Microsoft Entra. The key is the application's secret.

    Settings: `client_id`, and `tenant_id`, which is the account where it is empty. The audience of a request, where it
    has one, is the scope of its token.
    Source: learn.microsoft.com/entra, "OAuth 2.0 client credentials flow".
    """

    key_label: ClassVar[str] = "Client secret"
    machine: ClassVar[bool] = True
    extra: ClassVar[str] = "azure"
    refusals: ClassVar[tuple[Refusal, ...]] = ()

    scope: str
    issuer_url: str = "https://login.microsoftonline.com/{tenant_id}/oauth2/v2.0/token"


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A token of a Google service account. The key is its key file, as JSON.

    Source: developers.google.com/identity/protocols/oauth2/service-account.
    """

    key_label: ClassVar[str] = "Key file (JSON)"
    machine: ClassVar[bool] = True
    extra: ClassVar[str] = "vertex"
    refusals: ClassVar[tuple[Refusal, ...]] = ()

    scopes: tuple[str, ...]
    issuer_url: str = "https://oauth2.googleapis.com/token"


@dataclass(frozen=True, slots=True)
class SignedJwt:
    """A JWT that is signed here with the Ed25519 key of an Authress access key, without a request for a token.

    The key is `client.key id.account.private key`, the last as base64 of PKCS#8.
    Source: github.com/Authress/authress-sdk.js, service client token provider.
    """

    key_label: ClassVar[str] = "Access key"
    machine: ClassVar[bool] = False
    extra: ClassVar[str] = ""
    refusals: ClassVar[tuple[Refusal, ...]] = ()

    issuer: str = "https://{account}.api.authress.io"
    """A connection's own host outside of the provider's replaces it."""
    audience: str = "{account}.accounts.authress.io"


Auth = HeaderKey | SigV4 | ClientCredentials | ServiceAccount | SignedJwt
