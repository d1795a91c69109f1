"""Who sent a request: the account whose access key signed it, and the region that it was signed for."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fastapi import Request

from usage_ledger.sandbox.aws_bedrock.account import BedrockAccount
from usage_ledger.sandbox.aws_bedrock.queries import denied, refusal
from usage_ledger.sandbox.aws_bedrock.signature import SKEW, Scope, instant_of, scope_of, signature_of
from usage_ledger.sandbox.kit.serving import Refusal


@dataclass(frozen=True)
class Opened:
    """What a key opens, by the account's name, and the region that was asked."""

    truth: BedrockAccount
    account: str
    region: str

    @property
    def account_id(self) -> str:
        """The twelve digits of whoever was opened."""
        return replace(self.truth, account=self.account).account_id

    def require(self, action: str) -> None:
        """Raises `Refusal` where the policy lacks an action."""
        if action in self.truth.denied:
            raise denied(self.account_id, action)


def authorize(accounts: Mapping[str, BedrockAccount], request: Request) -> Opened:
    """The account by whose secret the request is signed. The clock is the machine's: a signature is of now."""
    scope = scope_of(request)
    if scope is None:
        raise refusal("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    secret, truth = _owner(accounts, scope)
    moment = instant_of(request)
    now = datetime.now(UTC) + truth.clock_ahead
    if moment is None or abs(now - moment) > SKEW:
        raise refusal(
            "InvalidSignatureException",
            f"Signature expired: {request.headers.get('x-amz-date')} is now earlier than "
            f"{now - SKEW:%Y%m%dT%H%M%SZ} ({now:%Y%m%dT%H%M%SZ} - 5 min.)",
        )
    if truth.expired:
        raise refusal("ExpiredTokenException", "The security token included in the request is expired")
    if request.headers.get("x-amz-security-token", "") != truth.session_token or scope.region in truth.disabled:
        raise _unrecognized()
    if not hmac.compare_digest(signature_of(request, request.state.body, scope, secret), scope.signature):
        raise refusal(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
        )
    return Opened(truth, truth.account, scope.region)


def _owner(accounts: Mapping[str, BedrockAccount], scope: Scope) -> tuple[str, BedrockAccount]:
    for secret, truth in accounts.items():
        if truth.access_key_id == scope.access_key_id:
            return secret, truth
    raise _unrecognized()


def _unrecognized() -> Refusal:
    """An unknown key; and any key, in a region that its account has not enabled."""
    return refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
