"""Authress's REST API, as far as names are read from it. It serves no usage: that is in the audit stream alone."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from fastapi import Request

from usage_ledger.sandbox.authress.account import KEY_ID, ROLES, AuthressAccount
from usage_ledger.sandbox.authress.archive import write_archive
from usage_ledger.sandbox.kit.failures import Rows, phrase_of
from usage_ledger.sandbox.kit.serving import Api, Call, Endpoint, Json, Refusal, bearer_key

_CREATED = "2025-05-05T08:00:00.000Z"
_PAGE = 20


def _refuse(status: int) -> Refusal:
    code = {401: "UNAUTHENTICATED", 403: "UNAUTHORIZED", 429: "TOO_MANY_REQUESTS"}.get(status, "ERROR")
    return Refusal(status, {"title": phrase_of(status), "errorCode": code, "errorId": "8d0c6f3a-example"})


def _authorize(accounts: Mapping[str, AuthressAccount], request: Request) -> AuthressAccount:
    """The account whose access key signed the token: a key of its own claims another account's name in vain."""
    head, _, signature = bearer_key(request).rpartition(".")
    try:
        header, claims = (_decoded(part) for part in head.split("."))
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise _refuse(401) from None
    name = str(claims.get("aud", "")).removesuffix(".accounts.authress.io")
    key, account = next(((key, one) for key, one in accounts.items() if one.account == name), ("", None))
    if (
        account is None
        or header.get("alg") != "EdDSA"
        or not _times_hold(claims)
        or not _is_of(account, header, claims)
    ):
        raise _refuse(401)
    try:
        account.public_key(key).verify(_bytes(signature), head.encode())
    except (InvalidSignature, ValueError):
        raise _refuse(401) from None
    return account


def _is_of(account: AuthressAccount, header: Json, claims: Json) -> bool:
    """Whether the claims are those of the account's client; its issuer has the account's host or the customer's own."""
    named = header.get("kid"), claims.get("sub"), claims.get("client_id")
    issuer = str(claims.get("iss"))
    return named == (KEY_ID, account.client_id, account.client_id) and issuer.endswith(
        f"/v1/clients/{account.client_id}"
    )


def _times_hold(claims: Json) -> bool:
    times = claims.get("iat"), claims.get("exp")
    return all(isinstance(one, int) for one in times) and 0 < int(str(times[1])) - int(str(times[0])) <= 86400


def _decoded(part: str) -> dict[str, Any]:
    return msgspec.json.decode(_bytes(part), type=dict[str, Any])


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _account(truth: AuthressAccount) -> Json:
    link = f"https://{truth.account}.api.authress.io/v1/accounts/{truth.account}"
    return {
        "accountId": truth.account,
        "createdTime": _CREATED,
        "name": "Sandbox",
        "company": {"name": "Sandbox Ltd"},
        "links": {"self": {"href": link}},
    }


def _accounts(call: Call[AuthressAccount]) -> Json:
    """The account; every run asks for it first, so the archive then has all that arrived by now."""
    write_archive(call.truth, call.now)
    return {"accounts": [_account(call.truth)]}


def _roles(call: Call[AuthressAccount]) -> Json:
    actions = sorted({check.action.lower() for check in call.truth.checks})
    permissions = [{"action": action, "allow": True, "grant": False, "delegate": False} for action in actions]
    roles = [
        {"roleId": role, "name": name, "description": "", "permissions": permissions} for role, name in ROLES.items()
    ]
    return {"roles": roles}


def _clients(call: Call[AuthressAccount]) -> Json:
    """The service clients, a page of twenty at a time."""
    ids = [call.truth.client_id, *(f"sc_example{number:02d}" for number in range(_PAGE + 3))]
    start = int(call.params.get("cursor") or 0)
    answer: Json = {"clients": [_client(one, number) for number, one in enumerate(ids)][start : start + _PAGE]}
    more = {"next": {"cursor": str(start + _PAGE)}} if start + _PAGE < len(ids) else {}
    return answer | {"pagination": more}


def _client(client_id: str, number: int) -> Json:
    return {
        "clientId": client_id,
        "createdTime": _CREATED,
        "name": f"Service {number}",
        "options": {"grantUserPermissionsAccess": False, "grantTokenGeneration": False},
        "rateLimits": [{"duration": "PT1H", "quota": 1000}],
        "verificationKeys": [{"keyId": KEY_ID, "clientId": client_id, "generationDate": _CREATED}],
        "tags": {},
    }


_ENDPOINTS = {
    "/v1/accounts": Endpoint(_accounts),
    "/v1/roles": Endpoint(_roles, rows=Rows(("roles",))),
    "/v1/clients": Endpoint(_clients, rows=Rows(("clients",))),
}
authress_router = Api("/authress", _ENDPOINTS, _authorize, refuse=_refuse, error_type="application/links+json").router
