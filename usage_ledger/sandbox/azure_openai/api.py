"""Azure's management endpoint and Entra's token endpoint over HTTP, answered from invented tenants."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import NamedTuple
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response

from usage_ledger.sandbox.azure_openai.account import AzureAccount
from usage_ledger.sandbox.azure_openai.costs import costs
from usage_ledger.sandbox.azure_openai.lists import deployments, resources, subscriptions
from usage_ledger.sandbox.azure_openai.monitor import definitions, metrics
from usage_ledger.sandbox.azure_openai.queries import refusal
from usage_ledger.sandbox.kit.failures import Failures, Rows, encode, phrase_of
from usage_ledger.sandbox.kit.serving import Api, Endpoint, Refusal, account_of, bearer_key

LIFE = timedelta(seconds=3599)
AUDIENCE = "https://management.azure.com"
SCOPE = re.compile(r"(https://[a-z0-9.-]+)/+\.default")


class Token(NamedTuple):
    """What an access token opens."""

    account: AzureAccount
    audience: str
    ends: datetime


class Entra:
    """The token endpoint: gives out access tokens for an application's secret, and knows them again."""

    def __init__(self, accounts: Mapping[str, AzureAccount], now: Callable[[], datetime]) -> None:
        self._accounts, self._now = accounts, now
        self._tokens: dict[str, Token] = {}

    async def answer(self, request: Request) -> Response:
        """A token, or why there is none."""
        try:
            body = self._token(request.path_params["tenant"], parse_qs((await request.body()).decode()))
        except Refusal as refused:
            return Response(encode(refused.body), refused.status, media_type="application/json")
        return Response(encode(body), 200, {"Cache-Control": "no-store"}, "application/json")

    def _token(self, tenant: str, form: Mapping[str, list[str]]) -> dict[str, object]:
        named = {name: values[0] for name, values in form.items()}
        if named.get("grant_type") != "client_credentials":
            raise _entra(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        scope = SCOPE.fullmatch(named.get("scope", ""))
        if scope is None:
            raise _entra(400, "invalid_scope", 1002012, "The provided value for scope is not valid.")
        account = account_of(self._accounts, named.get("client_secret", ""))
        if account is None:
            raise _entra(401, "invalid_client", 7000215, "Invalid client secret provided.")
        if tenant != account.account_id:
            raise _entra(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if named.get("client_id") != account.client_id:
            raise _entra(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        ends = self._now() + LIFE
        claims = {"aud": scope[1], "tid": tenant, "appid": account.client_id, "exp": int(ends.timestamp())}
        token = ".".join(("eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9", _base64(encode(claims)), token_urlsafe(64)))
        self._tokens[token] = Token(account, scope[1], ends)
        seconds = int(LIFE.total_seconds())
        return {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}

    def authorize(self, _accounts: Mapping[str, AzureAccount], request: Request) -> AzureAccount:
        """The tenant that a request's token opens."""
        text = bearer_key(request)
        if not text:
            raise refusal(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        token = self._tokens.get(text)
        if token is None:
            raise refusal(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if token.ends <= self._now():
            raise refusal(401, "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than now.")
        if token.audience.rstrip("/") != AUDIENCE:
            raise refusal(401, "InvalidAuthenticationTokenAudience", "The access token has been obtained for another.")
        return token.account


def _entra(status: int, error: str, code: int, text: str) -> Refusal:
    return Refusal(
        status,
        {
            "error": error,
            "error_description": f"AADSTS{code}: {text}",
            "error_codes": [code],
            "timestamp": "2026-11-10 08:00:12Z",
            "trace_id": "6f0e0a54-0000-0000-0000-000000000000",
            "correlation_id": "b3a4c0de-0000-0000-0000-000000000000",
        },
    )


def _base64(text: bytes) -> str:
    return urlsafe_b64encode(text).decode().rstrip("=")


def _headers(_request: Request, status: int) -> dict[str, str]:
    return {"x-ms-request-id": "11111111-0000-0000-0000-000000000000"} | (
        {"Retry-After": "1"} if status == 429 else {"x-ms-ratelimit-remaining-subscription-reads": "249"}
    )


def _refuse(status: int) -> Refusal:
    return refusal(status, {429: "TooManyRequests"}.get(status, phrase_of(status).replace(" ", "")), phrase_of(status))


def _stranger(_accounts: Mapping[str, AzureAccount], _request: Request) -> AzureAccount:
    raise refusal(401, "InvalidAuthenticationToken", "The access token is invalid.")


_SUBSCRIPTION = "/subscriptions/{subscription}"
_RESOURCES = "/providers/Microsoft.CognitiveServices/accounts"
_RESOURCE = f"{_SUBSCRIPTION}/resourceGroups/{{group}}{_RESOURCES}/{{name}}"
_ENDPOINTS = {
    "/subscriptions": Endpoint(subscriptions),
    f"{_SUBSCRIPTION}{_RESOURCES}": Endpoint(resources),
    f"{_RESOURCE}/deployments": Endpoint(deployments, rows=Rows()),
    f"{_RESOURCE}/providers/Microsoft.Insights/metricDefinitions": Endpoint(definitions),
    f"{_RESOURCE}/providers/Microsoft.Insights/metrics": Endpoint(metrics, rows=Rows(("value",))),
    f"{_SUBSCRIPTION}/providers/Microsoft.CostManagement/query": Endpoint(costs, "POST", Rows()),
}
_API = Api("", _ENDPOINTS, _stranger, headers=_headers, refuse=_refuse, compress=True)


def azure_openai_router(
    accounts: Mapping[str, AzureAccount], now: Callable[[], datetime], failures: Failures | None = None
) -> APIRouter:
    """The services of the tenants, by the secret of the application that each has. `now` is the clock, zone-aware."""
    entra = Entra(accounts, now)
    router = replace(_API, authorize=entra.authorize).router(accounts, now, failures)
    router.add_api_route("/{tenant}/oauth2/v2.0/token", entra.answer, methods=["POST"])
    return router
