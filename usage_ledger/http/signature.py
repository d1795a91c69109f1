"""Signature Version 4: each request is signed anew, with stored keys, a role's keys, or the machine's own."""

import contextlib
import re
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode

import httpx

from usage_ledger.core import errors, redaction
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.provider_errors import BadKey, IncompleteAnswer, NoPermission
from usage_ledger.http.bearer import EARLY, RenewableAuth
from usage_ledger.http.credential import Credential, Machine, TokenFile
from usage_ledger.http.error_mapping import MEANINGS
from usage_ledger.http.secrets import checked_secret, library_missing, required_text
from usage_ledger.http.token_request import TokenAnswer, ask_for_token, issuer_url
from usage_ledger.model.auth import SigV4

AUDIENCE = re.compile(r"([a-z0-9-]{1,63})/([a-z0-9-]{1,63})")
"""Service and region of a signature."""
UNRESERVED = "-_.~"
ROLE_OPTIONS = {
    "external_id": "ExternalId",
    "role_session_name": "RoleSessionName",
    "duration_seconds": "DurationSeconds",
    "policy": "Policy",
    "source_identity": "SourceIdentity",
}
"""Settings of a role, and the parameters that they are sent as."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs. The names are those that the signer reads."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        redaction.protect(self.secret_key)
        redaction.protect(self.token or "")


class KeySource(Protocol):
    """Where keys come from."""

    def keys(self, region: str, /) -> Keys: ...

    def renew(self) -> bool:
        """Forget the keys. True when the next ones will be others."""


def signature_auth(declared: SigV4, credential: Credential) -> RenewableAuth:
    """The signer of each request. Raises `BadKey`, `ConfigError`."""
    try:
        import botocore.auth  # noqa: F401
    except ImportError:
        raise library_missing(declared.extra) from None
    key, role = credential.key, credential.text("role_arn")
    source: KeySource
    match key:
        case str():
            secret, access = checked_secret(key), required_text(credential, "access_key_id")
            source = _StoredKeys(Keys(access, secret, credential.text("session_token") or None))
        case Machine():
            source = _MachineKeys(key)
        case TokenFile():
            return _SignatureAuth(_RoleKeys(declared, credential, required_text(credential, "role_arn"), key))
        case _:
            raise ConfigError("a federation's configuration is no identity of this provider")
    return _SignatureAuth(_RoleKeys(declared, credential, role, source) if role else source)


class _SignatureAuth(RenewableAuth):
    requires_request_body = True

    def __init__(self, source: KeySource) -> None:
        self._source = source

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        audience = AUDIENCE.fullmatch(str(request.extensions.get("audience", "")))
        if audience is None:
            raise ConfigError(
                f"the declaration of {request.url.path} does not say for which service and region it is signed",
                next_step="declare `audience`, such as `service/region`",
            )
        service, region = audience.groups()
        sign(request, self._source.keys(region), service, region)
        yield request

    def renew(self, status: int, body: bytes, /) -> bool:
        return status in (400, 401, 403) and b"ExpiredToken" in body and self._source.renew()


def sign(request: httpx.Request, keys: Keys, service: str, region: str) -> None:
    """Add the signature's headers, over the method, the URL, the body, the content type and every `x-amz` header."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    # The signer takes a query as it stands, and a space as `+` is another text to who verifies the signature.
    pairs = parse_qsl(request.url.query.decode(), keep_blank_values=True)
    query = "&".join(f"{quote(name, safe=UNRESERVED)}={quote(value, safe=UNRESERVED)}" for name, value in pairs)
    path = request.url.raw_path.partition(b"?")[0]
    request.url = request.url.copy_with(raw_path=path + (b"?" + query.encode() if query else b""))
    headers = {
        name: value
        for name, value in request.headers.items()
        if name == "content-type" or (name.startswith("x-amz") and name not in ("x-amz-date", "x-amz-security-token"))
    }
    message = AWSRequest(request.method, str(request.url), headers=headers, data=request.content)
    SigV4Auth(keys, service, region).add_auth(message)
    for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
        if name in message.headers:
            request.headers[name] = message.headers[name]


class _StoredKeys:
    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def keys(self, _region: str, /) -> Keys:
        return self._keys

    def renew(self) -> bool:
        return False


class _MachineKeys:
    """What the vendor's library finds on this machine: environment, profile, web identity, container, instance."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._credentials: Any = None

    def keys(self, _region: str, /) -> Keys:
        from botocore.exceptions import BotoCoreError, PartialCredentialsError, ProfileNotFound
        from botocore.session import Session

        failure: errors.UsageLedgerError | None = None
        try:
            if self._credentials is None:
                self._credentials = Session(profile=self._machine.profile or None).get_credentials()
            frozen = self._credentials.get_frozen_credentials() if self._credentials else None
        except (PartialCredentialsError, ProfileNotFound) as error:
            failure = ConfigError(errors.one_line(str(error), 500), next_step="correct the profile or the environment")
        except BotoCoreError as error:
            failure = errors.Unreachable(f"this machine's identity is not answered: {errors.one_line(str(error), 500)}")
        if failure:
            raise failure
        if frozen is None:
            raise BadKey(
                "this machine has no identity that signs requests",
                next_step="give the worker a role, or store an access key",
            )
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)

    def renew(self) -> bool:
        self._credentials = None
        return True


class _RoleKeys:
    """The keys of a role, issued for an hour by a request that the source signs, or that carries a file's token."""

    def __init__(self, declared: SigV4, credential: Credential, role: str, source: KeySource | TokenFile) -> None:
        self._declared, self._credential, self._role, self._source = declared, credential, role, source
        self._keys: Keys | None = None
        self._replace_at = 0.0

    def keys(self, region: str, /) -> Keys:
        if self._keys is None or self._replace_at <= time.time():
            answer = self._ask(region)
            if answer.status != 200:
                raise self._refusal(answer)
            self._keys, ends = _role_keys(answer)
            left = ends - time.time()
            self._replace_at = time.time() + left - min(EARLY, left / 2)
        return self._keys

    def renew(self) -> bool:
        self._keys = None
        if not isinstance(self._source, TokenFile):
            self._source.renew()
        return True

    def _ask(self, region: str) -> TokenAnswer:
        options = {sent: self._credential.text(name) for name, sent in ROLE_OPTIONS.items()}
        form = {"Version": "2011-06-15", "RoleArn": self._role, "RoleSessionName": "usage-ledger"}
        form |= {name: value for name, value in options.items() if value}
        url = issuer_url(self._declared.issuer_url.replace("{region}", region), self._credential.host)
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        if isinstance(self._source, TokenFile):
            form |= {"Action": "AssumeRoleWithWebIdentity", "WebIdentityToken": _token_in(self._source)}
            form.pop("ExternalId", None)
            return ask_for_token(url, body=urlencode(form).encode(), headers=headers)
        request = httpx.Request(
            "POST", url, content=urlencode(form | {"Action": "AssumeRole"}).encode(), headers=headers
        )
        sign(request, self._source.keys(region), "sts", region)
        return ask_for_token(url, body=request.content, headers=request.headers)

    def _refusal(self, answer: TokenAnswer) -> errors.UsageLedgerError:
        code, message = _element(answer, "Code"), _element(answer, "Message")
        what = f"the role {self._role} is not issued: {errors.one_line(message or code or str(answer.status), 500)}"
        for refusal in self._declared.refusals:
            if refusal.fits(answer.status, (code,), message):
                return MEANINGS[refusal.meaning](what, next_step=refusal.next_step)
        return NoPermission(
            what, next_step="allow it in the role's trust policy (principal, external id) and in the policy of who asks"
        )


def _role_keys(answer: TokenAnswer) -> tuple[Keys, float]:
    """The keys of a role, and when they end. Raises `IncompleteAnswer` for an answer that lacks a part."""
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    access, secret, token = (_element(answer, name) for name in names)
    with contextlib.suppress(ValueError):
        ends = datetime.fromisoformat(_element(answer, "Expiration")).timestamp()
        if access and secret and token:
            return Keys(access, secret, token), ends
    raise IncompleteAnswer("the role's keys are not whole in the answer to the request for them")


def _element(answer: TokenAnswer, name: str) -> str:
    """The text of the only XML element of that name; '' without one."""
    match = re.search(f"<{name}>([^<]*)</{name}>", answer.body.decode("utf-8", "replace"))
    return unescape(match[1]).strip() if match else ""


def _token_in(file: TokenFile) -> str:
    """Raises `ConfigError` when the file cannot be read."""
    try:
        return checked_secret(file.path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        raise ConfigError(f"the token file {file.path} cannot be read, or holds no token") from None
