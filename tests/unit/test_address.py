"""A key goes to the provider's own hosts, or where the deployment itself allows it; never in clear over a network."""

import pytest

from usage_ledger.core.provider_errors import HostRefused
from usage_ledger.http.address import base_url, is_loopback
from usage_ledger.providers.fireworks import FIREWORKS

OWN = "https://api.fireworks.ai"
OPT_IN = "127.0.0.1:8600, localhost:8600,proxy.example.com:443,Proxy.Example.com:8443,10.0.0.5:80,proxy.example.com:80"


@pytest.fixture(autouse=True)
def no_opt_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USAGE_LEDGER_ALLOWED_HOSTS", raising=False)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (None, OWN),
        ("", OWN),
        (OWN, OWN),
        (f"{OWN}/", OWN),
        (f" {OWN}:443/ ", f"{OWN}:443"),
        ("https://API.Fireworks.AI", "https://API.Fireworks.AI"),
        (f"{OWN}/gateway/", f"{OWN}/gateway"),
    ],
)
def test_the_providers_own_host_is_called(host: str | None, url: str) -> None:
    assert base_url(FIREWORKS, host) == url


@pytest.mark.parametrize("host", [f"{OWN}?", f"{OWN}/#"])
def test_an_address_that_would_swallow_the_path_is_refused(host: str) -> None:
    with pytest.raises(HostRefused):
        base_url(FIREWORKS, host)


@pytest.mark.parametrize(
    "host",
    [
        *("http://127.0.0.1:8600", "http://localhost:8600/", "https://127.0.0.1:8600"),
        *("https://proxy.example.com", "https://proxy.example.com:443/fw", "https://proxy.example.com:8443"),
    ],
)
def test_the_deployments_opt_in_allows_host_and_port(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", OPT_IN)
    assert base_url(FIREWORKS, host) == host.rstrip("/")


@pytest.mark.parametrize(
    "host",
    [
        *("http://127.0.0.1:8601", "http://127.0.0.1", "https://localhost", "https://proxy.example.com:444"),
        *("http://10.0.0.5", "http://proxy.example.com", "http://proxy.example.com:443", "https://evil.example:8600"),
    ],
)
def test_an_opt_in_holds_for_its_port_alone_and_never_for_plain_http_beyond_loopback(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", OPT_IN)
    with pytest.raises(HostRefused):
        base_url(FIREWORKS, host)


def test_a_loopback_address_of_version_six_can_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", "[::1]:8600")
    assert base_url(FIREWORKS, "http://[::1]:8600") == "http://[::1]:8600"


@pytest.mark.parametrize(
    ("name", "loopback"),
    [
        *((name, True) for name in ("localhost", "127.0.0.1", "127.9.9.9", "::1")),
        *((name, False) for name in ("0.0.0.0", "10.0.0.1", "localhost.evil.example", "127.0.0.1.nip.io", "::", "")),  # noqa: S104
    ],
)
def test_loopback_is_known_by_address_not_by_looks(name: str, loopback: bool) -> None:
    assert is_loopback(name) is loopback
