"""Tokens: asked for with the stored secret, where the declaration says; renewed before they end, and once on 401."""

import json
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace

import httpx
import jwt
import pytest
from kit.issuers import (
    ACCESS_KEY,
    ACCESS_KEY_PRIVATE,
    ACCESS_KEY_PUBLIC,
    EMAIL,
    KEY_FILE,
    PEM,
    PUBLIC_KEY,
    TENANT,
    Issuers,
    issuing,
)

from usage_ledger.core import errors, provider_errors
from usage_ledger.core.redaction import redact
from usage_ledger.http.auth import auth_of
from usage_ledger.http.client import Client
from usage_ledger.http.credential import Credential
from usage_ledger.http.page import Call
from usage_ledger.http.retry import Retries
from usage_ledger.http.token_request import issuer_url
from usage_ledger.model import Auth, ClientCredentials, ServiceAccount, Setting, SignedJwt
from usage_ledger.providers.fireworks import FIREWORKS

ARM = "https://management.azure.com/.default"
READ_ONLY = "https://www.googleapis.com/auth/cloud-platform.read-only"
SECRET = "client~Secret.0123456789-abcDEF"
SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLE"
SESSION_TOKEN = "FwoGZXIvYXdzEBYaDSessionTokenOfTheTest/+="
BEARERS: dict[str, tuple[Auth, str, dict[str, str]]] = {
    "secret": (ClientCredentials(ARM), SECRET, {"client_id": "app-1", "tenant_id": TENANT}),
    "key_file": (ServiceAccount((READ_ONLY,)), json.dumps(KEY_FILE), {}),
}
SIGNING = {"access_key_id": "AKIAEXAMPLE"}


@pytest.fixture
def issuers() -> Iterator[Issuers]:
    with issuing() as running:
        yield running


def client_of(auth: Auth, credential: Credential, account: str = TENANT) -> Client:
    secret = Setting("session_token", "Session token", "", secret=True)
    provider = replace(FIREWORKS, auth=auth, settings=(secret,), requests_per_minute=10**6, refusals=())
    url = credential.host or "http://127.0.0.1:1"
    return Client(
        provider,
        base_url=url,
        credential=credential,
        account=account,
        retries=Retries(attempts=1),
        sleep=lambda _: None,
    )


def bearer(kind: str, issuers: Issuers) -> Client:
    auth, key, settings = BEARERS[kind]
    return client_of(auth, Credential(key, settings, issuers.url))


def test_a_secret_is_sent_as_a_form_to_the_tenants_token_path(issuers: Issuers) -> None:
    with bearer("secret", issuers) as client:
        client.ask(Call("/v1/x"))
        client.ask(Call("/v1/x", audience="https://metrics.monitor.azure.com/.default"))
        client.ask(Call("/v1/x"))
    assert issuers.paths() == [f"/{TENANT}/oauth2/v2.0/token", "/v1/x"] * 2 + ["/v1/x"]
    assert issuers.requests[0].form == {
        "grant_type": "client_credentials",
        "client_id": "app-1",
        "client_secret": SECRET,
        "scope": ARM,
    }
    assert issuers.requests[2].form["scope"] == "https://metrics.monitor.azure.com/.default"
    assert [one.headers["authorization"] for one in issuers.requests if one.path == "/v1/x"] == [
        f"Bearer {issuers.issued[number]}" for number in (0, 1, 0)
    ]


def test_the_account_is_the_tenant_where_no_other_is_named(issuers: Issuers) -> None:
    with client_of(ClientCredentials(ARM), Credential(SECRET, {"client_id": "a"}, issuers.url), "22-33") as client:
        client.ask(Call("/v1/x"))
    assert issuers.paths()[0] == "/22-33/oauth2/v2.0/token"


def test_a_key_file_signs_its_assertion(issuers: Issuers) -> None:
    with bearer("key_file", issuers) as client:
        client.ask(Call("/v1/x"))
    assert issuers.paths() == ["/token", "/v1/x"]
    form = issuers.requests[0].form
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(form["assertion"], PUBLIC_KEY, algorithms=["RS256"], audience=KEY_FILE["token_uri"])
    assert (claims["iss"], claims["scope"]) == (EMAIL, READ_ONLY)
    assert redact(f"a {form['assertion']} b") == "a *** b"


def test_a_service_account_impersonates_the_end_of_its_chain(issuers: Issuers) -> None:
    chain = {"impersonation_chain": "middle@p.iam.gserviceaccount.com, reader@p.iam.gserviceaccount.com"}
    credential = Credential(json.dumps(KEY_FILE), chain, issuers.url)
    with client_of(ServiceAccount((READ_ONLY,)), credential) as client:
        client.ask(Call("/v1/x"))
    target = "/v1/projects/-/serviceAccounts/reader@p.iam.gserviceaccount.com:generateAccessToken"
    assert issuers.paths() == ["/token", target, "/v1/x"]
    sent = json.loads(issuers.requests[1].body)
    assert sent["scope"] == [READ_ONLY]
    assert sent["delegates"] == ["projects/-/serviceAccounts/middle@p.iam.gserviceaccount.com"]
    assert issuers.requests[2].headers["authorization"] == f"Bearer {issuers.issued[1]}"


@pytest.mark.parametrize("kind", BEARERS)
def test_a_token_is_replaced_before_it_ends_and_once_when_it_is_refused(
    issuers: Issuers, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bearer(kind, issuers) as client:
        client.ask(Call("/v1/x"))
        issuers.valid.clear()
        client.ask(Call("/v1/x"))
        assert len(issuers.issued) == 2
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + issuers.lifetime - 299)
        client.ask(Call("/v1/x"))
        assert len(issuers.issued) == 3
        issuers.data = lambda _: (401, '{"message": "no"}')
        before = len(issuers.paths())
        with pytest.raises(provider_errors.BadKey, match="401: no"):
            client.ask(Call("/v1/x"))
        assert issuers.paths()[before:] == ["/v1/x", issuers.paths()[0], "/v1/x"]


@pytest.mark.parametrize("kind", BEARERS)
@pytest.mark.parametrize(
    ("refusal", "error", "text"),
    [
        ((401, '{"error": "invalid_client", "error_description": "AADSTS7000215: wrong"}'), "BadKey", "AADSTS7000215"),
        ((400, '{"error": "invalid_grant", "error_description": "Invalid JWT"}'), "BadKey", "invalid_grant"),
        ((302, ""), "RedirectRefused", "302"),
        ((429, ""), "RateLimited", "429"),
        ((503, ""), "ProviderDown", "503"),
        ((200, "<html>"), "IncompleteAnswer", "200 without a token"),
        ((200, '{"token": 1}'), "IncompleteAnswer|BadKey", "token"),
        ((200, '{"access_token": "a\\r\\nX-Injected: 1", "expires_in": 60}'), "BadKey", "without a token"),
    ],
)
def test_a_refused_token_is_an_error_of_its_own(
    issuers: Issuers, kind: str, refusal: tuple[int, str], error: str, text: str
) -> None:
    issuers.refusal = refusal
    with bearer(kind, issuers) as client, pytest.raises(errors.UsageLedgerError, match=text) as caught:
        client.ask(Call("/v1/x"))
    assert type(caught.value).__name__ in error.split("|")
    assert "/v1/x" not in issuers.paths()
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert PEM[40:90] not in shown


def test_a_key_file_on_a_machine_whose_clock_is_wrong_is_not_the_fault_of_the_key(issuers: Issuers) -> None:
    said = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    issuers.refusal = (400, json.dumps({"error": "invalid_grant", "error_description": said}))
    with bearer("key_file", issuers) as client, pytest.raises(provider_errors.BadKey, match="timeframe") as caught:
        client.ask(Call("/v1/x"))
    assert caught.value.next_step == "set the clock of this machine (NTP), then run again"


def test_tokens_are_asked_for_at_the_own_host_on_loopback_alone() -> None:
    declared = ClientCredentials(ARM).issuer_url
    assert issuer_url(declared, "http://127.0.0.1:8080/") == "http://127.0.0.1:8080/{tenant_id}/oauth2/v2.0/token"
    for host in (None, "", "https://gateway.example:443", "https://127.0.0.1.evil.example"):
        assert issuer_url(declared, host) == declared


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("no json", "no JSON"),
        ("[]", "no JSON"),
        (json.dumps(KEY_FILE | {"type": "authorized_user"}), "authorized_user"),
        (json.dumps(KEY_FILE | {"private_key": "-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAAA\n"}), "cannot be read"),
        (json.dumps({name: KEY_FILE[name] for name in ("type", "private_key")}), "whole"),
    ],
)
def test_what_is_no_key_file_is_refused(issuers: Issuers, text: str, error: str) -> None:
    with pytest.raises(provider_errors.BadKey, match=error) as caught:
        client = client_of(ServiceAccount((READ_ONLY,)), Credential(text, {}, issuers.url))
        with client:
            client.ask(Call("/v1/x"))
    assert "AAAAAAAAAAAA" not in str(caught.value)
    assert issuers.requests == []


def test_a_key_file_that_names_another_issuer_is_not_followed(issuers: Issuers) -> None:
    with issuing() as evil:
        text = json.dumps(KEY_FILE | {"token_uri": f"{evil.url}/token"})
        with client_of(ServiceAccount((READ_ONLY,)), Credential(text, {}, issuers.url)) as client:
            client.ask(Call("/v1/x"))
        assert evil.requests == []
    assert issuers.paths() == ["/token", "/v1/x"]


def test_an_access_key_signs_its_own_token(issuers: Issuers) -> None:
    issuers.data = lambda _: (200, "{}")
    with client_of(SignedJwt(), Credential(ACCESS_KEY, {}, issuers.url), "acc-example1") as client:
        client.ask(Call("/v1/x"))
        client.ask(Call("/v1/x"))
    first, second = (one.headers["authorization"].removeprefix("Bearer ") for one in issuers.requests)
    assert first == second
    claims = jwt.decode(first, ACCESS_KEY_PUBLIC, algorithms=["EdDSA"], audience="acc-example1.accounts.authress.io")
    assert claims["iss"] == f"{issuers.url}/v1/clients/sc_reader"
    assert (claims["sub"], claims["client_id"], claims["scope"]) == ("sc_reader", "sc_reader", "openid")
    assert claims["exp"] - claims["iat"] == 86400
    assert jwt.get_unverified_header(first) == {"alg": "EdDSA", "kid": "k1", "typ": "at+jwt"}
    for text in (first, ACCESS_KEY, ACCESS_KEY_PRIVATE):
        assert redact(f"a {text} b") == "a *** b"


def test_the_issuer_is_the_accounts_own_host_unless_the_customer_has_a_domain() -> None:
    provider = replace(FIREWORKS, auth=SignedJwt(), hosts=("{account}.api.authress.io",), settings=())
    for host, issuer in (
        (None, "https://acc-example1.api.authress.io"),
        ("https://acc-example1.api.authress.io", "https://acc-example1.api.authress.io"),
        ("https://auth.example.com/", "https://auth.example.com"),
    ):
        auth = auth_of(provider, Credential(ACCESS_KEY, {}, host), "acc-example1")
        request = next(auth.sync_auth_flow(httpx.Request("GET", "https://auth.example.com/v1/accounts")))
        token = request.headers["Authorization"].removeprefix("Bearer ")
        assert jwt.decode(token, options={"verify_signature": False})["iss"] == f"{issuer}/v1/clients/sc_reader"


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        ("eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl", provider_errors.BadKey, "a JWT"),
        ("eyJjbGllbnRJZCI6ICJjIiwgImtleUlkIjogImsiLCAicHJpdmF0ZUtleSI6ICJwIn0=", provider_errors.BadKey, "older form"),
        ("sc_reader.k1.acc-example1", provider_errors.BadKey, "joined by dots"),
        ("sc_reader.k1.acc-example1.bm9rZXk=", provider_errors.BadKey, "no Ed25519 key"),
        (ACCESS_KEY.replace("acc-example1", "acc-other"), provider_errors.WrongAccount, "acc-other"),
        ("", provider_errors.BadKey, "no key"),
    ],
    ids=["a token", "the older form", "no private key", "no key in it", "another account's", "none"],
)
def test_another_form_of_access_key_is_refused_by_name(key: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        client_of(SignedJwt(), Credential(key, {}), "acc-example1")
    assert key == "" or key.rpartition(".")[2] not in str(caught.value)
