"""Airflow's own connections to clouds, as the YAML's `credential`: read as Airflow reads them, or refused by name."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from kit.issuers import KEY_FILE, PEM, ROLE, TENANT, issuing
from kit.moto_server import AwsServer, aws_server

from usage_ledger.airflow import credentials
from usage_ledger.airflow.identity import provider_credential
from usage_ledger.connections import Connection, connection_from
from usage_ledger.core.errors import ConfigError, NoConnection
from usage_ledger.core.provider_errors import BadKey, HostRefused
from usage_ledger.core.redaction import redact
from usage_ledger.http.auth import auth_of
from usage_ledger.http.credential import Credential, Federation, Machine
from usage_ledger.model import Auth, ClientCredentials, Provider, ServiceAccount, Setting, SignedJwt, SigV4
from usage_ledger.providers import PROVIDERS
from usage_ledger.providers.fireworks import FIREWORKS

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYNATIVE"
TOKEN = "FwoGZXIvYXdzEBYaDSessionTokenOfANativeConnection/+="
AUTHS: dict[str, Auth] = {
    "aws": SigV4(),
    "azure": ClientCredentials("https://management.azure.com/.default"),
    "google_cloud_platform": ServiceAccount(("https://www.googleapis.com/auth/cloud-platform.read-only",)),
    "jwt": SignedJwt(),
}
SETTINGS = (
    Setting("access_key_id", "Access key id", "The key's id.", part_of_key=True, required=True),
    Setting("session_token", "Session token", "Of temporary keys.", part_of_key=True, secret=True),
    Setting("role_arn", "Role", "A role to assume.", pattern=r"arn:[!-~]{1,200}"),
    Setting("regions", "Regions", "Regions to read.", repeated=True),
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No identity of this machine, and no Airflow to ask."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(credentials, "_from_airflow", lambda _id: None)


def provider_of(monkeypatch: pytest.MonkeyPatch, kind: str) -> Provider:
    provider = replace(FIREWORKS, name="nimbus", title="Nimbus", auth=AUTHS[kind], settings=SETTINGS)
    monkeypatch.setitem(PROVIDERS, "nimbus", provider)
    return provider


def store(monkeypatch: pytest.MonkeyPatch, conn_type: str, **parts: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEAM", json.dumps({"conn_type": conn_type, **parts}))


def connection_of(credential: str | None = "team", **settings: Any) -> Connection:
    document = {"provider": "nimbus", "account": "acme"} | ({"credential": credential} if credential else {})
    return connection_from("mine", document | ({"settings": settings} if settings else {}), "mine.yaml")


def credential_of(monkeypatch: pytest.MonkeyPatch, kind: str, conn_type: str = "", **parts: Any) -> Credential:
    provider_of(monkeypatch, kind)
    store(monkeypatch, conn_type or kind, **parts)
    return provider_credential(connection_of())


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with aws_server() as server:
        yield server


ROWS: dict[str, dict[str, Any]] = {
    "log-in and password": {"login": "AKIALOGIN", "password": SECRET, "extra": {"region_name": "eu-central-1"}},
    "with a session token": {"login": "ASIALOGIN", "password": SECRET, "extra": {"aws_session_token": TOKEN}},
    "keys of the extra": {"extra": {"aws_access_key_id": "AKIAEXTRA", "aws_secret_access_key": SECRET}},
    "a profile": {"extra": {"profile_name": "finance"}},
    "a role": {
        "login": "AKIALOGIN",
        "password": SECRET,
        "extra": {"role_arn": ROLE, "assume_role_method": "assume_role", "assume_role_kwargs": {"ExternalId": "x-1"}},
    },
    "a named session": {
        "login": "AKIALOGIN",
        "password": SECRET,
        "extra": {"role_arn": ROLE, "assume_role_kwargs": {"RoleSessionName": "finance", "DurationSeconds": 900}},
    },
    "a role of the machine": {"extra": {"role_arn": ROLE}},
    "a web identity": {
        "extra": {
            "role_arn": ROLE,
            "assume_role_method": "assume_role_with_web_identity",
            "assume_role_with_web_identity_federation": "file",
            "assume_role_kwargs": {"RoleSessionName": "pod"},
        }
    },
    "nothing": {"extra": {}},
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_an_aws_connection_is_whom_airflows_own_hook_makes_of_it(
    aws: AwsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, row: dict[str, Any]
) -> None:
    hooks = pytest.importorskip("airflow.providers.amazon.aws.hooks.base_aws", reason="the extra s3 is not installed")
    profile = f"[finance]\naws_access_key_id = AKIAFILE\naws_secret_access_key = {SECRET}\n"
    (tmp_path / "credentials").write_text(profile)
    (tmp_path / "token").write_text("eyJ0.web.identity")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-environment-0123")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.url)
    whole = row | {"extra": row["extra"] | {"endpoint_url": aws.url}}
    provider = provider_of(monkeypatch, "aws")
    store(monkeypatch, "aws", **whole)
    source = auth_of(provider, provider_credential(connection_of()))._source  # type: ignore[attr-defined]
    ours = source.keys("eu-central-1")
    hook = hooks.AwsGenericHook(aws_conn_id="team", client_type="sts")
    theirs = hook.get_session(region_name="eu-central-1").get_credentials().get_frozen_credentials()
    if "role_arn" in row["extra"]:
        assert identity_of(aws, ours) == identity_of(aws, theirs)
        assert identity_of(aws, ours).startswith("arn:aws:sts::111122223333:assumed-role/usage-reader/")
    else:
        assert (ours.access_key, ours.secret_key, ours.token) == (theirs.access_key, theirs.secret_key, theirs.token)


def identity_of(aws: AwsServer, keys: Any) -> str:
    """Who signs with these keys, without what is the session's own where it is drawn at random."""
    import boto3

    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    parts = dict(zip(names, (keys.access_key, keys.secret_key, keys.token), strict=True))
    client = boto3.client("sts", region_name="eu-central-1", endpoint_url=aws.url, **parts)
    return str(client.get_caller_identity()["Arn"])


def test_the_external_id_of_a_role_is_sent(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = provider_of(monkeypatch, "aws")
    row = ROWS["a role"]
    store(monkeypatch, "aws", **row | {"extra": row["extra"] | {"endpoint_url": aws.url}})
    aws.requests.clear()
    auth_of(provider, provider_credential(connection_of()))._source.keys("us-west-2")  # type: ignore[attr-defined]
    [(_, region, body)] = aws.requests
    assert region == "us-west-2"
    assert "ExternalId=x-1" in body
    assert "RoleSessionName=airflow_team" in body


@pytest.mark.parametrize(
    ("kind", "parts", "text"),
    [
        ("aws", {"extra": {"session_kwargs": {"profile_name": "x"}}}, "'session_kwargs' is not read"),
        ("aws", {"extra": {"service_config": {"sts": {}}}}, "'service_config' is not read"),
        ("aws", {"extra": {"config_kwargs": {"signature_version": "unsigned"}}}, "'config_kwargs' is not read"),
        ("aws", {"extra": {"role_arn": ROLE, "assume_role_method": "assume_role_with_saml"}}, "assume_role_with_saml"),
        ("aws", {"extra": {"role_arn": ROLE, "assume_role_kwargs": {"Tags": []}}}, "assume_role_kwargs Tags"),
        (
            "aws",
            {"extra": {"role_arn": ROLE, "assume_role_method": "assume_role_with_web_identity"}},
            "web identity of 'nothing'",
        ),
        ("aws", {"login": "AKIA", "extra": {}}, "only one of access key id and secret"),
        ("aws", {"login": "AKIA", "extra": {"aws_secret_access_key": SECRET}}, "only one of"),
        ("azure", {"extra": {"key_path": "/x.json"}}, "'key_path' is not read"),
        ("azure", {"extra": {"key_json": {"a": 1}}}, "'key_json' is not read"),
        ("azure", {"login": "app", "extra": {}}, "only one of client id and secret"),
        ("google_cloud_platform", {"extra": {"key_secret_name": "s"}}, "'key_secret_name' is not read"),
        ("google_cloud_platform", {"extra": {"is_anonymous": True}}, "'is_anonymous' is not read"),
        ("google_cloud_platform", {"extra": {"keyfile_dict": "{}x"}}, "'keyfile_dict' is no JSON object"),
        ("google_cloud_platform", {"extra": {"keyfile_dict": "{}", "key_path": "x"}}, "more than one identity"),
        ("google_cloud_platform", {"extra": {"key_path": "/no/such.json"}}, "/no/such.json cannot be read"),
        ("google_cloud_platform", {"extra": {"impersonation_chain": {"a": 1}}}, "no list of names"),
    ],
)
def test_what_is_not_read_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, kind: str, parts: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError, match="'team'") as caught:
        credential_of(monkeypatch, kind, **parts)
    assert text in str(caught.value)
    assert SECRET not in str(caught.value)


def test_empty_fields_of_a_form_and_its_older_names_are_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    old = {"extra__azure__tenantId": TENANT, "key_path": "", "extra__azure__subscriptionId": "s", "key_json": None}
    credential = credential_of(monkeypatch, "azure", login="app-1", password="azure~Secret-0123456789", extra=old)
    assert credential.settings == {"client_id": "app-1", "tenant_id": TENANT}
    assert credential.key == "azure~Secret-0123456789"
    assert redact("azure~Secret-0123456789") == "***"


def test_an_azure_connection_without_a_secret_is_the_machines_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"managed_identity_client_id": "mi-1", "workload_identity_tenant_id": TENANT}
    assert credential_of(monkeypatch, "azure", extra=extra).key == Machine(client_id="mi-1", tenant_id=TENANT)


def test_a_google_connection_is_a_key_file_a_federation_or_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def key(**extra: Any) -> Any:
        return credential_of(monkeypatch, "google_cloud_platform", extra=extra).key

    document = {"type": "external_account", "audience": "a"}
    for name, text in (("key.json", KEY_FILE), ("config.json", document)):
        (tmp_path / name).write_text(json.dumps(text))
    for value in (KEY_FILE, json.dumps(KEY_FILE)):
        assert json.loads(key(keyfile_dict=value)) == KEY_FILE
    assert json.loads(key(key_path=str(tmp_path / "key.json"))) == KEY_FILE
    assert redact(f"a {PEM} b {json.dumps(KEY_FILE)[:30]}") == f"a ***\n b {json.dumps(KEY_FILE)[:30]}"
    for value in (document, json.dumps(document), str(tmp_path / "config.json")):
        assert key(credential_config_file=value) == Federation(document)
    assert key(project="p", num_retries=5, scope="x") == Machine()
    for chain in ("a@x, b@x", ["a@x", "b@x"]):
        credential = credential_of(monkeypatch, "google_cloud_platform", extra={"impersonation_chain": chain})
        assert credential.settings == {"impersonation_chain": "a@x, b@x"}


@pytest.mark.parametrize("conn_type", ["azure", "google_cloud_platform", "fireworks", "azure_data_factory", "http", ""])
def test_a_connection_of_another_vendor_is_refused(monkeypatch: pytest.MonkeyPatch, conn_type: str) -> None:
    provider_of(monkeypatch, "aws")
    store(monkeypatch, conn_type, login="a", password=SECRET)
    with pytest.raises(ConfigError, match=f"of type '{conn_type}'.*of type nimbus or aws"):
        provider_credential(connection_of())


def test_a_native_connection_of_the_own_id_needs_no_word_in_the_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    provider_of(monkeypatch, "aws")
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps({"conn_type": "aws", "login": "AKIA1", "password": SECRET}))
    credential = provider_credential(connection_of(None))
    assert (credential.key, credential.settings["access_key_id"]) == (SECRET, "AKIA1")


def test_an_own_type_may_be_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    provider_of(monkeypatch, "aws")
    extra = {"access_key_id": "AKIA2", "session_token": TOKEN, "account": "another", "regions": "a, b"}
    store(monkeypatch, "nimbus", password=SECRET, extra=extra)
    credential = provider_credential(connection_of(regions=["a", "b"], role_arn=ROLE))
    assert credential.key == SECRET
    assert credential.settings == {
        "access_key_id": "AKIA2",
        "session_token": TOKEN,
        "regions": ("a", "b"),
        "role_arn": ROLE,
    }
    with pytest.raises(ConfigError, match="regions"):
        provider_credential(connection_of(regions=["a"]))


@pytest.mark.parametrize("credential", [None, "team"])
def test_an_absent_connection_is_never_the_machines_identity(
    monkeypatch: pytest.MonkeyPatch, credential: str | None
) -> None:
    provider_of(monkeypatch, "aws")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    with pytest.raises(NoConnection, match="credential"):
        provider_credential(connection_of(credential))


def test_a_key_of_ours_that_is_absent_is_no_machines_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    provider_of(monkeypatch, "aws")
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps({"conn_type": "nimbus", "extra": {"access_key_id": "AKIA"}}))
    with pytest.raises(NoConnection, match=r"credential: machine"):
        provider_credential(connection_of(None))


def test_the_machine_is_asked_only_where_the_yaml_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    provider_of(monkeypatch, "aws")
    credential = provider_credential(connection_of("machine", role_arn=ROLE))
    assert (credential.key, credential.settings) == (Machine(), {"role_arn": ROLE})


@pytest.mark.parametrize(
    ("kind", "document", "text"),
    [
        ("jwt", {"credential": "machine"}, "a machine has no identity at Nimbus"),
        ("aws", {"credential": "a b"}, "the id of an Airflow connection, or machine"),
        ("aws", {"credential": "machine", "settings": {"access_key_id": "AKIA"}}, "belongs to an own key"),
        ("aws", {"settings": {"session_token": "x"}}, "is not a setting"),
    ],
)
def test_a_yaml_that_contradicts_itself_is_refused(
    monkeypatch: pytest.MonkeyPatch, kind: str, document: dict[str, Any], text: str
) -> None:
    provider_of(monkeypatch, kind)
    with pytest.raises(ConfigError, match=text):
        connection_from("mine", {"provider": "nimbus", "account": "acme"} | document, "mine.yaml")


def token_of(provider: Provider, credential: Credential) -> str:
    """What a request would carry."""
    request = next(auth_of(provider, credential).sync_auth_flow(httpx.Request("GET", "https://api.nimbus.example/v1")))
    return request.headers["Authorization"].removeprefix("Bearer ")


def test_a_managed_identity_is_asked_by_the_vendors_library(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = provider_of(monkeypatch, "azure")
    with issuing() as machine:
        machine.data = lambda _: (200, json.dumps({"access_token": machine.issue(), "expires_on": "4000000000"}))
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{machine.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "of-this-app")
        token = token_of(provider, Credential(Machine(client_id="mi-1")))
    assert token == machine.issued[0]
    assert "resource=https://management.azure.com&" in machine.paths()[0]
    assert "client_id=mi-1" in machine.paths()[0]
    assert redact(f"a {token}") == "a ***"


def test_a_workload_identity_of_google_is_asked_by_the_vendors_library(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = provider_of(monkeypatch, "google_cloud_platform")
    with issuing() as machine:

        def answer(request: Any) -> tuple[int, str]:
            if "token" in request.path:
                return 200, json.dumps({"access_token": machine.issue(), "expires_in": 3600, "token_type": "Bearer"})
            return 200, '{"email": "a@b", "scopes": []}'

        machine.data = answer
        host = machine.url.removeprefix("http://")
        monkeypatch.setenv("GCE_METADATA_IP", host)
        # It reads GCE_METADATA_HOST once, when it is imported, as another test may have done.
        monkeypatch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", host)
        monkeypatch.setenv("CLOUDSDK_CONFIG", os.devnull)
        token = token_of(provider, Credential(Machine()))
    assert token == machine.issued[0]
    assert redact(f"a {token}") == "a ***"


def test_a_federation_exchanges_a_files_token_at_the_issuer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provider = provider_of(monkeypatch, "google_cloud_platform")
    (tmp_path / "subject").write_text("subject.token.of.the.pod")
    document = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(tmp_path / "subject")},
    }
    with issuing() as issuers:
        token = token_of(provider, Credential(Federation(document), host=issuers.url))
        assert issuers.paths() == ["/v1/token"]
        assert issuers.requests[0].form["subject_token"] == "subject.token.of.the.pod"
        assert token == issuers.issued[0]
        assert redact("a subject.token.of.the.pod") == "a ***"
        evil = document | {"token_url": "https://sts.evil.example/v1/token"}
        with pytest.raises(HostRefused, match=r"sts\.evil\.example"):
            token_of(provider, Credential(Federation(evil), host=issuers.url))
        assert len(issuers.requests) == 1


@pytest.mark.parametrize(
    "document", [{"type": "authorized_user"}, {"type": "external_account", "credential_source": {"executable": {}}}]
)
def test_what_is_no_federation_is_refused(monkeypatch: pytest.MonkeyPatch, document: dict[str, Any]) -> None:
    provider = provider_of(monkeypatch, "google_cloud_platform")
    with pytest.raises(ConfigError, match="no workload identity federation"):
        auth_of(provider, Credential(Federation(document)))


@pytest.mark.parametrize("kind", ["azure", "google_cloud_platform"])
def test_a_machine_without_an_identity_says_so(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    provider = provider_of(monkeypatch, kind)
    monkeypatch.setenv("CLOUDSDK_CONFIG", os.devnull)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "WorkloadIdentityCredential")
    for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP"):
        monkeypatch.setenv(name, "127.0.0.1:9")
    monkeypatch.setenv("GCE_METADATA_DETECT_RETRIES", "1")
    with pytest.raises(BadKey, match="this machine has no identity"):
        token_of(provider, Credential(Machine()))
