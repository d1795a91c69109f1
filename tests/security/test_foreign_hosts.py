"""Nobody but the provider is spoken to: not by redirect, setting, name or address. Listeners count what comes."""

import socket
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote

import pytest
import trustme
from kit.asking import KEY, ONCE, PROVIDER, TIGHT, Asking, Server, http
from kit.tls_server import over_tls

from usage_ledger.core import errors, provider_errors
from usage_ledger.http import transport
from usage_ledger.http.address import base_url, permitted
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.http.fill import fill_path
from usage_ledger.http.page import Call
from usage_ledger.model import HeaderKey, Request
from usage_ledger.providers.fireworks import FIREWORKS


@pytest.fixture(autouse=True)
def no_opt_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USAGE_LEDGER_ALLOWED_HOSTS", "USAGE_LEDGER_CA_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("account", ["../../other", "a?b#c", "a/b", "a b", "é", "%2e%2e", "{user}", "a;b", "a&b"])
def test_x4_an_id_is_one_encoded_segment_of_the_path(scripted: Server, account: str) -> None:
    asking = Asking(scripted(http()))
    asking.ask(fill_path("/v1/accounts/{account}/x", {"account": account}))
    target = asking.server.requests[0].split(b" ")[1].decode()
    assert target.count("/") == 4
    assert unquote(target) == f"/v1/accounts/{account}/x"


@pytest.mark.parametrize(
    "hostile", ["fw_a\r\nX-Evil: 1", "fw_a\n", "fw_a\rb", "fw_a b", " fw_abc", "fw_é", "fw_\x7f", "fw_\0", "", " "]
)
def test_x5_line_ends_and_controls_never_leave(scripted: Server, hostile: str) -> None:
    server = scripted(http())
    with pytest.raises(provider_errors.BadKey) as caught:
        Client(PROVIDER, base_url=server.url, credential=Credential(hostile), account="acme")
    assert not hostile.strip() or hostile.strip() not in str(caught.value)
    path = fill_path("/v1/accounts/{account}/x", {"account": hostile or "x"})
    Asking(server).ask(path)
    head = server.requests[0]
    assert b"X-Evil: 1\r\n" not in head
    assert head.count(b"\r\n\r\n") == 1
    for climbing in (".", ".."):
        with pytest.raises(errors.ConfigError):
            fill_path("/v1/accounts/{account}/x", {"account": climbing})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["http://{other}/x", "//{other}/x", "https://{other}/x", "http://localhost:{port}/"])
def test_x13_no_header_leaves_for_the_target_of_a_redirect(scripted: Server, status: int, target: str) -> None:
    other = scripted(http())
    place = target.format(other=f"127.0.0.1:{other.port}", port=other.port)
    for header in ("Authorization", "x-api-key", "api-key"):
        server = scripted(http("{}", f"{status} Moved", f"Location: {place}"))
        provider = replace(PROVIDER, auth=HeaderKey(header, scheme=""))
        with (
            Client(provider, base_url=server.url, credential=Credential(KEY), account="acme") as client,
            pytest.raises(provider_errors.RedirectRefused),
        ):
            client.ask(Call("/v1/x"))
        assert KEY.encode() in server.requests[0]
    assert other.connections == 0


def test_x14_the_environments_proxies_netrc_and_authorities_are_not_used(
    scripted: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server, proxy = scripted(http()), scripted(http())
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login x password from-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text(netrc.read_text())
    assert Asking(server).ask() == b"{}"
    assert (proxy.connections, len(server.requests)) == (0, 1)
    assert f"Bearer {KEY}".encode() in server.requests[0]
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    with pytest.raises(errors.Unreachable):
        over_tls(authority.issue_cert("localhost"))
    assert proxy.connections == 0


OWN = "https://api.fireworks.ai"
GATEWAY = "https://gateway.example.com:443"
SSRF = """
http://{me} https://{me} HTTP://{me} hTTps://{me} ws://{me} ftp://{me} gopher://{me}/_GET dict://{me} ldap://{me}
jar:http://{me}!/ file:///etc/passwd data:text/plain,x unix:///var/run/docker.sock //{me} {me} https: https:// https:///x
https:{me} https:/{me}
http://localhost:{port} http://localhost.:{port} http://127.0.0.1.:{port} http://127.0.0.1.nip.io:{port}
http://0.0.0.0:{port} http://0:{port} http://127.1:{port} http://127.0.1:{port} http://2130706433:{port}
http://0x7f.1:{port} http://0x7f000001:{port} http://0177.0.0.1:{port} http://[::1]:{port} http://[::]:{port}
http://[::ffff:127.0.0.1]:{port} http://[0:0:0:0:0:ffff:7f00:1]:{port} http://[::127.0.0.1]:{port}
http://[64:ff9b::7f00:1]:{port} http://[::1%25lo]:{port} http://①②⑦.0.0.1:{port}
http://169.254.169.254/latest https://169.254.169.254 http://[fd00:ec2::254] http://100.100.100.200 https://100.64.0.1
https://10.0.0.1 https://192.168.0.1 https://172.16.0.1 https://[fd00::1] https://[fe80::1] https://224.0.0.1
https://255.255.255.255 http://metadata.google.internal
https://user@api.fireworks.ai https://user:pw@api.fireworks.ai https://api.fireworks.ai@{me} https://api.fireworks.ai#@{me}
https://api.fireworks.ai:443@{me} http://{me}#@x https://{me}?api.fireworks.ai https://{me}\\@api.fireworks.ai
http://{me}/api.fireworks.ai http://{me}/@api.fireworks.ai https://api.fireworks.ai\\@{me}
https://gateway.example.com:443@{me} https://gateway.example.com:443#@{me} https://gateway.example.com:443.{me}
https://gateway.example.com:444 http://gateway.example.com:443
https://api.fireworks.ai.evil.example https://xapi.fireworks.ai https://evil-api.fireworks.ai.{me} https://api.fireworks.ai.
https://api.fіreworks.ai https://xn--api-fireworks.ai https://ａpi.fireworks.ai https://api。fireworks.ai
https://api.fireworks.ai:22 https://api.fireworks.ai:25 https://api.fireworks.ai:8443 https://api.fireworks.ai:0
https://api.fireworks.ai:99999 https://api.fireworks.ai:x http://api.fireworks.ai http://api.fireworks.ai:443
https://[{me} https://%6c https://%61pi.fireworks.ai https://api.fireworks.ai%00.{me} https://api.fireworks.ai%2f@{me}
""".split()  # noqa: SIM905  a list would take a line for each
SSRF += [" https://{me}", "https://{me}\r\nHost: x", "https://api.fire\tworks.ai", "https://api.fireworks.ai\n@{me}"]
SSRF += ["https://api.fireworks.ai /x", "https://api.fireworks.ai\0.{me}", "https://api.fireworks.ai\u2028@{me}"]


@pytest.mark.parametrize("form", SSRF)
def test_x16_no_form_of_an_address_leads_anywhere_but_to_the_provider(
    scripted: Server, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Refused before a name is even looked up, though the deployment opted in a gateway of its own."""
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", GATEWAY.removeprefix("https://"))
    server = scripted(http())
    looked_up: list[str] = []
    real = socket.getaddrinfo

    def resolved(host: str, *more: Any, **named: Any) -> Any:
        looked_up.append(host)
        return real("127.0.0.1", *more, **named)

    monkeypatch.setattr(transport.socket, "getaddrinfo", resolved)
    host = form.format(me=f"127.0.0.1:{server.port}", port=server.port)
    with (
        pytest.raises(provider_errors.HostRefused) as caught,
        Client(
            PROVIDER, base_url=base_url(FIREWORKS, host), credential=Credential(KEY), account="acme", retries=ONCE
        ) as client,
    ):
        client.ask(Call("/v1/x"))
    assert (server.connections, looked_up) == (0, [])
    assert caught.value.next_step
    assert "user" not in str(caught.value)
    assert base_url(FIREWORKS, GATEWAY) == GATEWAY
    assert len(set(SSRF)) == len(SSRF) >= 60


PUBLIC = ("8.8.8.8", "2600::1", "64:ff9b::808:808", "::ffff:8.8.8.8")
PRIVATE = ("10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "fd00::8", "fec0::1", "64:ff9b::a00:1")
NEVER = (
    *("169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"),
    *("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
    *("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    *("0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1"),  # noqa: S104
)
ADDRESSES = [
    *((address, True, True) for address in PUBLIC),
    *((address, False, True) for address in PRIVATE),
    *((address, False, False) for address in NEVER),
]


@pytest.mark.parametrize("address", [*PRIVATE, *NEVER])
def test_x17_a_name_that_turns_to_a_private_address_is_not_followed(
    scripted: Server, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """A name is resolved once for a connection, and every address that it is told to have is checked: here a private
    one beside a public one, at the port of a listener."""
    server = scripted(http())
    asked: list[str] = []

    def resolved(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [(0, 1, 6, "", (told, port)) for told in (address, "8.8.8.8")]

    monkeypatch.setattr(transport.socket, "getaddrinfo", resolved)
    with (
        Client(
            PROVIDER, base_url=f"{OWN}:{server.port}", credential=Credential(KEY), account="acme", retries=ONCE
        ) as client,
        pytest.raises(provider_errors.HostRefused, match="no public address"),
    ):
        client.ask(Call("/v1/x"))
    assert (server.connections, asked) == (0, ["api.fireworks.ai"])


@pytest.mark.parametrize(("address", "public", "opted"), ADDRESSES)
def test_what_is_opted_in_may_be_private_but_never_where_clouds_keep_their_credentials(
    monkeypatch: pytest.MonkeyPatch, address: str, public: bool, opted: bool
) -> None:
    assert permitted("gateway.example.com", 443, address) is public
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", "gateway.example.com:443")
    assert permitted("gateway.example.com", 443, address) is opted
    assert permitted("gateway.example.com", 444, address) is public


def test_the_address_that_was_checked_is_the_one_that_is_spoken_to(
    scripted: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = scripted(http('{"a": 1}'))
    real, answers = socket.getaddrinfo, iter(["127.0.0.1", "127.0.0.9"])

    def resolved(host: str, port: int, *more: Any, **named: Any) -> Any:
        return real(next(answers) if host == "localhost" else host, port, *more, **named)

    monkeypatch.setattr(transport.socket, "getaddrinfo", resolved)
    with Client(
        PROVIDER, base_url=f"http://localhost:{server.port}", credential=Credential(KEY), account="acme", retries=ONCE
    ) as client:
        assert client.ask(Call("/v1/x")).body == b'{"a": 1}'
    assert f"localhost:{server.port}".encode() in server.requests[0]
    assert next(answers) == "127.0.0.9"  # asked for once


@pytest.mark.parametrize("silent", [False, True], ids=["refuses", "is silent"])
def test_the_next_address_of_a_host_is_tried_when_one_cannot_be_reached(
    scripted: Server, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    server = scripted(http('{"a": 1}'))
    real = socket.getaddrinfo

    def resolved(host: str, port: int, *more: Any, **named: Any) -> Any:
        told = ("::1", "127.0.0.1") if host == "localhost" else (host,)
        return [found for one in told for found in real(one, port, *more, **named)]

    monkeypatch.setattr(transport.socket, "getaddrinfo", resolved)
    limits = replace(TIGHT, connect_seconds=0.2, total_seconds=2)
    url = f"http://localhost:{server.port}"
    with ExitStack() as opened:
        if silent:  # a listener whose queue is full answers nothing at all
            if not socket.has_dualstack_ipv6():
                pytest.skip("this machine has no addresses of version six")
            full = socket.create_server(("::1", server.port), family=socket.AF_INET6, backlog=0)
            opened.enter_context(full)
            for _ in range(4):
                waiting = opened.enter_context(socket.socket(socket.AF_INET6))
                waiting.setblocking(False)
                waiting.connect_ex(("::1", server.port))
        client = opened.enter_context(
            Client(PROVIDER, base_url=url, credential=Credential(KEY), account="acme", limits=limits)
        )
        assert client.ask(Call("/v1/x")).body == b'{"a": 1}'
    assert len(server.requests) == 1


def test_x20_the_client_sends_what_a_declaration_says_reads_only(scripted: Server) -> None:
    """GET, and a POST that the vendor says only reads; no other verb can be written down, and none can be called."""
    asking = Asking(scripted(http()))
    asking.ask()
    assert asking.server.requests[0].startswith(b"GET ")
    verbs = {"post", "put", "patch", "delete", "request", "send", "stream"}
    assert verbs & {name.lower() for name in dir(Client) if not name.startswith("_")} == set()
    source = (Path(transport.__file__).parent / "client.py").read_text()
    sends = source.count("self._http.stream(call.method,")
    assert source.count("self._http.") == source.count("self._http.close()") + sends
    assert sends == 1
    assert get_args(Call.__dataclass_fields__["method"].type) == ("GET", "POST")
    with pytest.raises(errors.ConfigError, match="only reads"):
        Request("/v1/x", method="POST", body="{}")
