"""What AWS answers about Bedrock's use over HTTP, served from invented accounts."""

from collections.abc import Callable, Mapping
from datetime import datetime

from fastapi import APIRouter

from usage_ledger.sandbox.aws_bedrock.account import BedrockAccount
from usage_ledger.sandbox.aws_bedrock.cloudwatch import get_metric_data, list_metrics
from usage_ledger.sandbox.aws_bedrock.costs import cost_and_usage, dimension_values
from usage_ledger.sandbox.aws_bedrock.lists import caller_identity, foundation_models, inference_profiles
from usage_ledger.sandbox.aws_bedrock.opened import Opened, authorize
from usage_ledger.sandbox.aws_bedrock.queries import refusal
from usage_ledger.sandbox.kit.failures import Failures, Rows, phrase_of
from usage_ledger.sandbox.kit.serving import Api, Call, Endpoint, Json, Refusal

TARGETS: Mapping[str, tuple[str, Callable[[Call[Opened]], Json]]] = {
    "GraniteServiceVersion20100801.ListMetrics": ("1.0", list_metrics),
    "GraniteServiceVersion20100801.GetMetricData": ("1.0", get_metric_data),
    "AWSInsightsIndexService.GetDimensionValues": ("1.1", dimension_values),
    "AWSInsightsIndexService.GetCostAndUsage": ("1.1", cost_and_usage),
}
"""By `X-Amz-Target`: the version of the JSON protocol, and what answers."""
THROTTLED = {429: "ThrottlingException", 503: "ServiceUnavailable"}


def _targeted(call: Call[Opened]) -> Json:
    target = call.request.headers.get("x-amz-target", "")
    if target not in TARGETS:
        raise refusal("UnknownOperationException", "")
    version, answer = TARGETS[target]
    if call.request.headers.get("content-type") != f"application/x-amz-json-{version}":
        raise refusal("SerializationException", "the content type is not the protocol's")
    return answer(call)


def _refuse(status: int) -> Refusal:
    """Too many requests are refused with 400, as services of the JSON protocols do."""
    return refusal(THROTTLED.get(status, "InternalFailure"), phrase_of(status), 400 if status == 429 else status)


_POSTED = Api("", {"/": Endpoint(_targeted, "POST", Rows())}, authorize, refuse=_refuse)
_GOT = Api(
    "",
    {
        "/": Endpoint(caller_identity),
        "/inference-profiles": Endpoint(inference_profiles),
        "/foundation-models": Endpoint(foundation_models),
    },
    authorize,
    refuse=_refuse,
)


def aws_bedrock_router(
    accounts: Mapping[str, BedrockAccount], now: Callable[[], datetime], failures: Failures | None = None
) -> APIRouter:
    """The services for `accounts`, by the secret of each one's access key."""
    router = _POSTED.router(accounts, now, failures)
    for route in _GOT.router(accounts, now, failures).routes:
        router.routes.append(route)
    return router
