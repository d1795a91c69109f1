"""Providers are asked through the deployment's proxy, which sees neither key nor answer."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from kit.asking import KEY, ONCE, PROVIDER, Asking, Server, http
from kit.connect_proxy import connect_proxy
from kit.tls_server import Secured, secured

from usage_ledger.core import errors, provider_errors
from usage_ledger.core.redaction import MASK, redact
from usage_ledger.http.address import base_url
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.http.page import Call
from usage_ledger.http.proxy import SETTING, outbound_proxy

HOST = "api.fireworks.ai"
PASSWORD = "pr0xy@Pass/word9"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that is trusted."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("USAGE_LEDGER_CA_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.delenv("USAGE_LEDGER_ALLOWED_HOSTS", raising=False)
    return made


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[Secured]:
    """A listener with the provider's own name in its certificate."""
    with secured(authority.issue_cert(HOST)) as listening:
        yield listening


def ask() -> bytes:
    url = f"https://{HOST}"
    with Client(PROVIDER, base_url=url, credential=Credential(KEY), account="acme", retries=ONCE) as client:
        body = client.ask(Call("/v1/x")).body
    assert isinstance(body, bytes)
    return body


def test_the_provider_is_asked_through_the_proxy_end_to_end(server: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect_proxy(server.port) as proxy:
        monkeypatch.setenv(SETTING, f"http://ledger:pr0xy%40Pass%2Fword9@127.0.0.1:{proxy.port}")
        assert ask() in (b'{"a": 1}', b'{"a": 2}')
        [head] = proxy.heads
        assert head.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n".encode())
        basic = base64.b64encode(f"ledger:{PASSWORD}".encode()).decode()
        assert f"Proxy-Authorization: Basic {basic}".encode() in head
        assert KEY.encode() not in head + proxy.passed
        assert b"Proxy-Authorization" not in b"".join(server.read)
    assert server.names == [HOST]
    assert redact(f"x {PASSWORD} y") == f"x {MASK} y"
    assert basic not in redact(f"Basic {basic}")


def test_behind_the_proxy_the_certificate_must_bear_the_providers_name(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    with secured(authority.issue_cert("127.0.0.1", "other.example")) as server, connect_proxy(server.port) as proxy:
        monkeypatch.setenv(SETTING, f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(errors.Unreachable):
            ask()
        assert len(proxy.heads) == 1
        assert server.read == []


def test_a_proxy_that_refuses_is_named(server: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect_proxy(server.port, "407 Proxy Authentication Required") as proxy:
        monkeypatch.setenv(SETTING, f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(errors.Unreachable, match=f"USAGE_LEDGER_PROXY does not connect to {HOST} \\(407"):
            ask()
    assert server.connections == 0


def test_loopback_is_asked_directly_and_hosts_are_still_allowed_by_name(
    scripted: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = scripted(http())
    monkeypatch.setenv(SETTING, proxy.url)
    assert Asking(scripted(http())).ask() == b"{}"
    with pytest.raises(provider_errors.HostRefused):
        base_url(PROVIDER, "https://evil.example")
    assert proxy.connections == 0


@pytest.mark.parametrize(
    "value",
    [
        "proxy:3128",
        "https://proxy:3128",
        "socks5://proxy:1080",
        "http://proxy",
        "http://proxy:x",
        "http://proxy:0",
        "http://:3128",
        "http://proxy:3128/path",
        "http://proxy:3128?x",
        "http://a:Hunter22@b@proxy:3128",
        "http://a:Hunter 22@proxy:3128",
        "http://[::1:3128",
        " http://proxy:3128",
    ],
)
def test_a_malformed_proxy_names_its_setting_and_shows_no_password(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(SETTING, value)
    with pytest.raises(errors.ConfigError, match=SETTING) as refused:
        outbound_proxy()
    assert "Hunter" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_an_empty_setting_is_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "")
    assert outbound_proxy() is None
