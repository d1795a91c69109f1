"""A server proves by its certificate who it is before it reads a byte; nothing switches that off."""

import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from kit.asking import KEY, ONCE, PROVIDER, Asking, Server, http
from kit.tls_server import Change, over_tls, secured, self_signed

from usage_ledger.core import errors, provider_errors
from usage_ledger.core.project import ROOT
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.http.page import Call

AUTHORITY = trustme.CA()
YESTERDAY, TOMORROW = (datetime.now(UTC) + timedelta(days=n) for n in (-1, 1))
ITSELF, BY_PATTERN, BY_STAR = (self_signed(name) for name in ("localhost", "l*host", "*"))
Trust = Callable[..., None]


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Trust:
    """Names a file of these authorities in the setting."""

    def name(*authorities: bytes) -> None:
        (tmp_path / "ca.pem").write_bytes(b"".join(authorities))
        monkeypatch.setenv("USAGE_LEDGER_CA_FILE", str(tmp_path / "ca.pem"))

    return name


@pytest.fixture(autouse=True)
def no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USAGE_LEDGER_CA_FILE", raising=False)


def old_protocol(version: ssl.TLSVersion) -> Change:
    def change(context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")

    return change


def knows_no_such_name(context: ssl.SSLContext) -> None:
    context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("certificate", "name", "change"),
    [
        (AUTHORITY.issue_cert("localhost", not_after=YESTERDAY), "localhost", None),
        (AUTHORITY.issue_cert("localhost", not_before=TOMORROW), "localhost", None),
        (AUTHORITY.issue_cert("api.example.com"), "localhost", None),
        (AUTHORITY.issue_cert(common_name="localhost"), "localhost", None),
        (AUTHORITY.issue_cert("127.0.0.1"), "localhost", None),
        (AUTHORITY.issue_cert("localhost"), "127.0.0.1", None),
        (AUTHORITY.issue_cert("*.example.com"), "localhost", None),
        (AUTHORITY.issue_cert("*.localhost"), "localhost", None),
        (BY_PATTERN[0], "localhost", None),
        (BY_STAR[0], "localhost", None),
        (ITSELF[0], "localhost", None),
        (trustme.CA().issue_cert("localhost"), "localhost", None),
        (AUTHORITY.issue_cert("localhost"), "localhost", knows_no_such_name),
        (AUTHORITY.issue_cert("localhost"), "localhost", old_protocol(ssl.TLSVersion.TLSv1)),
        (AUTHORITY.issue_cert("localhost"), "localhost", old_protocol(ssl.TLSVersion.TLSv1_1)),
    ],
    ids=[
        *("expired", "not yet valid", "other host", "common name alone", "address for name", "name for address"),
        *("wildcard of another", "wildcard of its own", "wildcard within a label", "wildcard for all", "self-signed"),
        *("unknown authority", "no such name", "TLS 1.0", "TLS 1.1"),
    ],
)
def test_x15_a_server_that_does_not_prove_who_it_is_reads_no_byte_of_a_request(
    trust: Trust, certificate: Any, name: str, change: Change | None
) -> None:
    """Authorities of a company's own come by an explicit setting. Those who sign a misused wildcard are trusted here,
    so that the name alone is what is refused."""
    with pytest.raises(errors.Unreachable):  # without the setting the authority is unknown
        over_tls(AUTHORITY.issue_cert("localhost"))
    trust(AUTHORITY.cert_pem.bytes(), BY_PATTERN[1], BY_STAR[1])
    assert over_tls(AUTHORITY.issue_cert("localhost")) == b'{"a": 1}'
    with pytest.raises(errors.Unreachable):
        over_tls(certificate, name, change)


def test_a_certificate_that_is_trusted_by_the_setting_may_vouch_for_itself(trust: Trust) -> None:
    trust(ITSELF[1])
    assert over_tls(ITSELF[0]) == b'{"a": 1}'


@pytest.mark.parametrize("content", [None, b"no certificate", b"", b"\xff\xfe"])
def test_a_file_of_authorities_that_holds_none_is_refused_before_anything_is_sent(
    scripted: Server, monkeypatch: pytest.MonkeyPatch, trust: Trust, content: bytes | None
) -> None:
    server = scripted(http())
    if content is None:
        monkeypatch.setenv("USAGE_LEDGER_CA_FILE", "/nowhere/ca.pem")
    else:
        trust(content)
    with pytest.raises(errors.ConfigError, match="USAGE_LEDGER_CA_FILE"):
        Asking(server).ask()
    assert server.connections == 0


def test_no_code_of_the_product_weakens_verification() -> None:
    weak = re.compile(r"verify=False|CERT_NONE|CERT_OPTIONAL|check_hostname|_create_unverified|SSLContext\(")
    places = [*(ROOT / "usage_ledger").rglob("*.py"), *(ROOT / "dags").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    assert len(places) > 50
    assert [path.name for path in places if weak.search(path.read_text(encoding="utf-8"))] == []


def test_requests_share_one_connection_of_http_2_and_the_name_is_sent_for_the_certificate(trust: Trust) -> None:
    trust(AUTHORITY.cert_pem.bytes())
    offered = AUTHORITY.issue_cert("localhost")
    with (
        secured(offered, lambda context: context.set_alpn_protocols(["h2", "http/1.1"])) as server,
        Client(
            PROVIDER,
            base_url=f"https://localhost:{server.port}",
            credential=Credential(KEY),
            account="acme",
            retries=ONCE,
        ) as client,
    ):
        assert [client.ask(Call("/v1/x")).body for _ in range(3)] == [b'{"a": 2}'] * 3
        assert (server.connections, server.names) == (1, ["localhost"])
        assert server.read[0].startswith(b"PRI * HTTP/2.0")
        with pytest.raises(provider_errors.IncompleteAnswer):
            client.ask(Call("/cut"))
        assert client.ask(Call("/v1/x")).body == b'{"a": 2}'
