"""Replicate's HTTP API, as far as usage is read from it, served from invented accounts."""

from collections.abc import Mapping

from fastapi import Request

from usage_ledger.sandbox.kit.failures import Rows, phrase_of
from usage_ledger.sandbox.kit.serving import Api, Endpoint, Json, Refusal, account_of, bearer_key
from usage_ledger.sandbox.replicate.account import ReplicateAccount
from usage_ledger.sandbox.replicate.lists import account, deployments, hardware, predictions, trainings
from usage_ledger.sandbox.replicate.queries import problem

_RATE_HEADERS = {"ratelimit-remaining": "2999", "ratelimit-reset": "1"}


def _authorize(accounts: Mapping[str, ReplicateAccount], request: Request) -> ReplicateAccount:
    opened = account_of(accounts, bearer_key(request))
    if opened is None:
        raise problem(401, "Unauthenticated", "No valid authentication token was passed")
    return opened


def _headers(_request: Request, status: int) -> dict[str, str]:
    return _RATE_HEADERS if status == 200 else {}


def _refuse(status: int) -> Refusal:
    return problem(status, phrase_of(status), phrase_of(status))


def _dead_end(request: Request) -> Json:
    return {"next": str(request.url.include_query_params(cursor="dead"))}


_LIST = Rows(("results",), dead_end=_dead_end)
_ENDPOINTS = {
    "/v1/predictions": Endpoint(predictions, rows=Rows(("results",), "created_at", dead_end=_dead_end)),
    "/v1/trainings": Endpoint(trainings, rows=_LIST),
    "/v1/account": Endpoint(account),
    "/v1/deployments": Endpoint(deployments, rows=_LIST),
    "/v1/hardware": Endpoint(hardware, rows=Rows()),
}
replicate_router = Api(
    "", _ENDPOINTS, _authorize, headers=_headers, refuse=_refuse, error_type="application/problem+json"
).router
