"""SigV4: our headers are those of the vendor's own client, byte for byte; roles; a clock that is wrong."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore.auth
import httpx
import pytest
from kit.issuers import ROLE, Issuers, Received, issuing, role_secret

from usage_ledger.core.errors import ConfigError, UsageLedgerError
from usage_ledger.core.provider_errors import BadKey, IncompleteAnswer, NoPermission
from usage_ledger.core.redaction import redact
from usage_ledger.http.client import Client
from usage_ledger.http.credential import Credential, Machine, TokenFile
from usage_ledger.http.page import Call
from usage_ledger.http.retry import Retries
from usage_ledger.http.signature import Keys, sign
from usage_ledger.model import Setting, SigV4
from usage_ledger.providers.fireworks import FIREWORKS

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


SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLE"
SESSION_TOKEN = "FwoGZXIvYXdzEBYaDSessionTokenOfTheTest/+="
STATIC = {"access_key_id": "AKIAEXAMPLE"}
EXPIRED = '{"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "The security token is expired"}'


@pytest.fixture
def issuers() -> Iterator[Issuers]:
    with issuing() as running:
        running.data = lambda _: (200, "{}")
        yield running


def client_of(credential: Credential) -> Client:
    secret = Setting("session_token", "Session token", "", secret=True)
    provider = replace(FIREWORKS, auth=SigV4(), settings=(secret,), requests_per_minute=10**6, refusals=())
    url = credential.host or "http://127.0.0.1:1"
    return Client(
        provider, base_url=url, credential=credential, account="1", retries=Retries(attempts=1), sleep=lambda _: None
    )


def ask(client: Client, audience: str = "monitoring/eu-central-1") -> None:
    client.ask(Call("/v1/x", (("t", "a b"),), audience=audience))


def scope(request: Received) -> str:
    """Access key, region and service of a signature."""
    key, _, region, service, _ = request.headers["authorization"].partition("Credential=")[2].split(",")[0].split("/")
    return f"{key} {region} {service}"


def test_stored_keys_sign_for_the_requests_service_and_region(issuers: Issuers) -> None:
    with client_of(Credential(SECRET, STATIC | {"session_token": SESSION_TOKEN}, issuers.url)) as client:
        ask(client)
        ask(client, "ce/us-east-1")
    assert [scope(one) for one in issuers.requests] == [
        "AKIAEXAMPLE eu-central-1 monitoring",
        "AKIAEXAMPLE us-east-1 ce",
    ]
    assert {one.headers["x-amz-security-token"] for one in issuers.requests} == {SESSION_TOKEN}
    assert {one.path for one in issuers.requests} == {"/v1/x?t=a%20b"}
    for secret in (SECRET, SESSION_TOKEN):
        assert redact(f"a {secret} b") == "a *** b"


@pytest.mark.parametrize("audience", ["", "monitoring", "monitoring/eu central", "a/b/c"])
def test_a_request_without_service_and_region_is_not_sent(issuers: Issuers, audience: str) -> None:
    with client_of(Credential(SECRET, STATIC, issuers.url)) as client, pytest.raises(ConfigError, match="audience"):
        ask(client, audience)
    assert issuers.requests == []


def test_a_role_signs_with_keys_that_are_renewed_before_they_end(
    issuers: Issuers, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = STATIC | {"role_arn": ROLE, "external_id": "x 1", "role_session_name": "finance"}
    with client_of(Credential(SECRET, role, issuers.url)) as client:
        ask(client)
        ask(client)
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + issuers.lifetime - 299)
        ask(client)
    assert [scope(one) for one in issuers.requests] == [
        "AKIAEXAMPLE eu-central-1 sts",
        *["ASIAROLE1 eu-central-1 monitoring"] * 2,
        "AKIAEXAMPLE eu-central-1 sts",
        "ASIAROLE2 eu-central-1 monitoring",
    ]
    assert issuers.requests[0].form == {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": ROLE,
        "RoleSessionName": "finance",
        "ExternalId": "x 1",
    }
    assert issuers.requests[1].headers["x-amz-security-token"] == issuers.issued[0]
    for secret in (role_secret(1), issuers.issued[0]):
        assert redact(f"a {secret} b") == "a *** b"


def test_a_token_file_is_exchanged_for_a_roles_keys_and_read_again(issuers: Issuers, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("eyJ.first.token\n")
    with client_of(Credential(TokenFile(file), {"role_arn": ROLE}, issuers.url)) as client:
        ask(client)
        file.write_text("eyJ.second.token")
        issuers.data = lambda _: (200, "{}") if len(issuers.issued) > 1 else (403, EXPIRED)
        ask(client)
        file.unlink()
        client._auth.renew(403, b"ExpiredToken")
        with pytest.raises(ConfigError, match=r"token file .* cannot be read"):
            ask(client)
    tokens = [one.form["WebIdentityToken"] for one in issuers.requests if one.path == "/"]
    assert tokens == ["eyJ.first.token", "eyJ.second.token"]
    assert issuers.requests[0].form["Action"] == "AssumeRoleWithWebIdentity"
    assert "authorization" not in issuers.requests[0].headers


def test_an_expired_token_of_a_role_is_renewed_once(issuers: Issuers) -> None:
    issuers.data = lambda _: (400, EXPIRED)
    with (
        client_of(Credential(SECRET, STATIC | {"role_arn": ROLE}, issuers.url)) as client,
        pytest.raises(BadKey, match="security token is expired"),
    ):
        ask(client)
    assert len(issuers.issued) == 2
    assert [one.path[:5] for one in issuers.requests] == ["/", "/v1/x", "/", "/v1/x"]


@pytest.mark.parametrize(
    ("status", "body", "next_step"),
    [
        (400, EXPIRED, "role_arn"),
        (403, '{"__type": "RequestTimeTooSkewed", "message": "The difference is too large."}', "clock"),
        (403, '{"__type": "InvalidSignatureException", "message": "Signature expired: 1 is now earlier"}', "clock"),
        (403, '{"__type": "SignatureDoesNotMatch", "message": "Signature not yet current: 2 is later"}', "clock"),
        (403, '{"__type": "UnrecognizedClientException", "message": "The token is invalid"}', "region"),
    ],
)
def test_the_usual_refusals_of_a_signature_have_a_sentence_of_their_own(
    issuers: Issuers, status: int, body: str, next_step: str
) -> None:
    issuers.data = lambda _: (status, body)
    with (
        client_of(Credential(SECRET, STATIC | {"session_token": SESSION_TOKEN}, issuers.url)) as client,
        pytest.raises(BadKey) as caught,
    ):
        ask(client)
    assert next_step in caught.value.next_step
    assert len(issuers.requests) == 1


@pytest.mark.parametrize(
    ("status", "code", "error", "text"),
    [
        (403, "AccessDenied", NoPermission, "trust policy"),
        (403, "ExpiredToken", BadKey, "session token"),
        (403, "SignatureDoesNotMatch", BadKey, "valid key"),
        (400, "ValidationError", NoPermission, "trust policy"),
    ],
)
def test_a_role_that_is_not_issued_says_why(
    issuers: Issuers, status: int, code: str, error: type[Exception], text: str
) -> None:
    issuers.refusal = (
        status,
        f"<ErrorResponse><Error><Code>{code}</Code><Message>not &lt;you&gt;</Message></Error></ErrorResponse>",
    )
    with (
        client_of(Credential(SECRET, STATIC | {"role_arn": ROLE}, issuers.url)) as client,
        pytest.raises(error, match=f"{ROLE} is not issued: not <you>.*{text}"),
    ):
        ask(client)


@pytest.mark.parametrize("body", ["<html>", "<AccessKeyId>A</AccessKeyId><Expiration>soon</Expiration>"])
def test_keys_of_a_role_that_are_not_whole_are_no_keys(issuers: Issuers, body: str) -> None:
    issuers.refusal = (200, body)
    with (
        client_of(Credential(SECRET, STATIC | {"role_arn": ROLE}, issuers.url)) as client,
        pytest.raises(IncompleteAnswer, match="not whole"),
    ):
        ask(client)


def test_a_profile_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    with client_of(Credential(Machine(profile="finance"))) as client, pytest.raises(ConfigError, match="finance"):
        ask(client)


def test_a_machines_own_keys_sign(issuers: Issuers, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with client_of(Credential(Machine(), {}, issuers.url)) as client, pytest.raises(BadKey, match="no identity"):
        ask(client)
    assert issuers.requests == []
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{issuers.url}/container")
    keys = {"AccessKeyId": "ASIAPOD", "SecretAccessKey": "pod-secret-0123456789", "Token": "pod-token-0123456789"}
    keys["Expiration"] = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    issuers.data = lambda request: (200, json.dumps(keys) if request.path == "/container" else "{}")
    with client_of(Credential(Machine(), {"role_arn": ROLE}, issuers.url)) as client:
        ask(client)
    assert [scope(one) for one in issuers.requests[1:]] == [
        "ASIAPOD eu-central-1 sts",
        "ASIAROLE1 eu-central-1 monitoring",
    ]
    assert redact("a pod-secret-0123456789 pod-token-0123456789") == "a *** ***"


@pytest.mark.parametrize(("key", "settings", "text"), [("", STATIC, "no key"), (SECRET, {}, "no access_key_id")])
def test_half_a_key_is_refused(key: str, settings: dict[str, str], text: str) -> None:
    with pytest.raises(UsageLedgerError, match=text):
        client_of(Credential(key, settings))
