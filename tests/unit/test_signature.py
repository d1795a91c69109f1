"""SigV4: our headers are those of the vendor's own client, byte for byte; roles; a clock that is wrong."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.auth
import httpx
import pytest
from kit.issuers import ROLE, Issuers, issuing

from usage_ledger.http.signature import Keys, sign

DAY = datetime(2026, 11, 20, tzinfo=UTC)
KEYS = Keys("AKIA1", "s/+kvery-secret", "session-token")
QUERY = {"Id": "m0", "Label": "x", "MetricStat": {"Period": 86400, "Stat": "Sum"}}
METRIC = {
    "Namespace": "AWS/Bedrock",
    "MetricName": "InputTokenCount",
    "Dimensions": [{"Name": "ModelId", "Value": "é:0"}],
}
CASES = (
    ("cloudwatch", "list_metrics", "monitoring", "eu-central-1", {"Namespace": "AWS/Bedrock", "NextToken": "a+/="}),
    (
        *("cloudwatch", "get_metric_data", "monitoring", "us-gov-west-1"),
        {
            "StartTime": DAY,
            "EndTime": DAY + timedelta(days=1),
            "MetricDataQueries": [QUERY | {"MetricStat": QUERY["MetricStat"] | {"Metric": METRIC}}],  # type: ignore[operator]
        },
    ),
    (
        *("ce", "get_cost_and_usage", "ce", "us-east-1"),
        {"TimePeriod": {"Start": "2026-11-20", "End": "2026-11-21"}, "Granularity": "DAILY", "Metrics": ["ListCost"]},
    ),
    (
        *("bedrock", "list_inference_profiles", "bedrock", "eu-central-1"),
        {"typeEquals": "APPLICATION", "maxResults": 100, "nextToken": "a+/= b&c~'()*é%41"},
    ),
    ("bedrock", "get_inference_profile", "bedrock", "eu-west-1", {"inferenceProfileIdentifier": "arn:aws:x/y z"}),
    ("sts", "get_caller_identity", "sts", "us-east-1", {}),
)


class Caught(Exception):
    """Instead of the request."""


def theirs(service: str, operation: str, region: str, arguments: dict[str, Any]) -> Any:
    """The request that the vendor's client would send."""
    client = boto3.client(
        service,
        region_name=region,
        aws_access_key_id=KEYS.access_key,
        aws_secret_access_key=KEYS.secret_key,
        aws_session_token=KEYS.token,
    )
    requests: list[Any] = []

    def catch(request: Any, **_: Any) -> None:
        requests.append(request)
        raise Caught

    client.meta.events.register("before-send.*.*", catch)
    with pytest.raises(Caught):
        getattr(client, operation)(**arguments)
    return requests[0]


@pytest.mark.parametrize(("service", "operation", "name", "region", "arguments"), CASES, ids=[one[1] for one in CASES])
def test_the_signature_is_the_one_of_the_vendors_client(
    monkeypatch: pytest.MonkeyPatch, service: str, operation: str, name: str, region: str, arguments: dict[str, Any]
) -> None:
    request = theirs(service, operation, region, arguments)
    headers = {key: value.decode() if isinstance(value, bytes) else value for key, value in request.headers.items()}
    when = datetime.strptime(headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")  # noqa: DTZ007  the signer's own is naive
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: when)
    body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
    sent = {key: headers[key] for key in ("Content-Type", "X-Amz-Target", "x-amzn-query-mode") if key in headers}
    url = httpx.URL(request.url)
    ours = httpx.Request(
        request.method, url.copy_with(query=None), params=url.params or None, content=body, headers=sent
    )
    sign(ours, KEYS, name, region)
    assert str(ours.url) == request.url
    for header in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
        assert ours.headers[header] == headers[header]
