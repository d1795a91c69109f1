"""Nobody but the provider is spoken to: not by redirect, setting, name or certificate. Listeners count what comes."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import trustme
from asking import KEY, ONCE, PROVIDER, Asking, Server, http

from usage_ledger.core import errors
from usage_ledger.http import transport
from usage_ledger.http.address import base_url, permitted
from usage_ledger.http.client import Client, fill
from usage_ledger.providers.fireworks import FIREWORKS


@pytest.fixture(autouse=True)
def no_opt_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USAGE_LEDGER_ALLOWED_HOSTS", "USAGE_LEDGER_CA_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("account", ["../../other", "a?b#c", "a/b", "a b", "é", "%2e%2e", "{user}", "a;b", "a&b"])
def test_x4_an_id_is_one_encoded_segment_of_the_path(scripted: Server, account: str) -> None:
    asking = Asking(scripted(http()))
    asking.ask(fill("/v1/accounts/{account}/x", {"account": account}))
    target = asking.server.requests[0].split(b" ")[1].decode()
    assert target.count("/") == 4
    assert unquote(target) == f"/v1/accounts/{account}/x"


@pytest.mark.parametrize(
    "hostile", ["fw_a\r\nX-Evil: 1", "fw_a\n", "fw_a\rb", "fw_a b", " fw_abc", "fw_é", "fw_\x7f", "fw_\0", "", " "]
)
def test_x5_line_ends_and_controls_never_leave(scripted: Server, hostile: str) -> None:
    server = scripted(http())
    with pytest.raises(errors.BadKey) as caught:
        Client(PROVIDER, base_url=server.url, key=hostile, account="acme")
    assert not hostile.strip() or hostile.strip() not in str(caught.value)
    path = fill("/v1/accounts/{account}/x", {"account": hostile or "x"})
    Asking(server).ask(path)
    head = server.requests[0]
    assert b"X-Evil: 1\r\n" not in head
    assert head.count(b"\r\n\r\n") == 1
    for climbing in (".", ".."):
        with pytest.raises(errors.ConfigError):
            fill("/v1/accounts/{account}/x", {"account": climbing})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["http://{other}/x", "//{other}/x", "https://{other}/x", "http://localhost:{port}/"])
def test_x13_no_header_leaves_for_the_target_of_a_redirect(scripted: Server, status: int, target: str) -> None:
    other = scripted(http())
    place = target.format(other=f"127.0.0.1:{other.port}", port=other.port)
    for header in ("Authorization", "x-api-key", "api-key"):
        server = scripted(http("{}", f"{status} Moved", f"Location: {place}"))
        provider = replace(PROVIDER, header=header, scheme="")
        with (
            Client(provider, base_url=server.url, key=KEY, account="acme") as client,
            pytest.raises(errors.RedirectRefused),
        ):
            client.ask("/v1/x")
        assert KEY.encode() in server.requests[0]
    assert other.connections == 0


def test_x14_the_environments_proxies_netrc_and_authorities_are_not_used(
    scripted: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server, proxy = scripted(http()), scripted(http())
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
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
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv(name, str(tmp_path / "ca.pem"))
    with pytest.raises(errors.Unreachable):
        over_tls(authority.issue_cert("localhost"), "localhost")


@contextmanager
def secured(context: ssl.SSLContext) -> Iterator[tuple[int, list[bytes]]]:
    """A listener that speaks TLS: its port, and what was read of requests, decrypted."""
    read: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    connection.settimeout(2)
                    read.append(connection.recv(65536))
                    connection.sendall(http('{"a": 1}'))
            except OSError:
                plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], read
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def over_tls(certificate: trustme.LeafCert, name: str, change: Callable[[ssl.SSLContext], None] | None = None) -> bytes:
    """What a client gets from a server with this certificate; raises what the client raises, after it saw that the
    server read nothing."""
    context = context_of(certificate)
    if change:
        change(context)
    with secured(context) as (port, read):
        try:
            with Client(PROVIDER, base_url=f"https://{name}:{port}", key=KEY, account="acme", retries=ONCE) as client:
                return client.ask("/v1/x").body
        except errors.UsageLedgerError as error:
            assert b"".join(read) == b""
            assert KEY not in str(error)
            raise


AUTHORITY = trustme.CA()
YESTERDAY, TOMORROW = (datetime.now(UTC) + timedelta(days=n) for n in (-1, 1))


def old_protocol(version: ssl.TLSVersion) -> Callable[[ssl.SSLContext], None]:
    def change(context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")

    return change


@pytest.mark.parametrize(
    ("certificate", "name", "change"),
    [
        (AUTHORITY.issue_cert("localhost", not_after=YESTERDAY), "localhost", None),
        (AUTHORITY.issue_cert("localhost", not_before=TOMORROW), "localhost", None),
        (AUTHORITY.issue_cert("api.example.com"), "localhost", None),
        (AUTHORITY.issue_cert("*.example.com"), "localhost", None),
        (AUTHORITY.issue_cert("*.localhost"), "localhost", None),
        (AUTHORITY.issue_cert("127.0.0.1"), "localhost", None),
        (AUTHORITY.issue_cert("localhost"), "127.0.0.1", None),
        (trustme.CA().issue_cert("localhost"), "localhost", None),
        (AUTHORITY.issue_cert("localhost"), "localhost", old_protocol(ssl.TLSVersion.TLSv1)),
        (AUTHORITY.issue_cert("localhost"), "localhost", old_protocol(ssl.TLSVersion.TLSv1_1)),
    ],
    ids=[
        *("expired", "not yet valid", "other host", "wildcard of another", "wildcard of its own", "address for name"),
        *("name for address", "unknown authority", "TLS 1.0", "TLS 1.1"),
    ],
)
def test_x15_a_server_that_does_not_prove_who_it_is_reads_no_byte_of_a_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificate: Any, name: str, change: Any
) -> None:
    """Authorities of a company's own come by an explicit setting; verification cannot be switched off."""
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.pem")
    with pytest.raises(errors.Unreachable):  # without the setting the authority is unknown
        over_tls(AUTHORITY.issue_cert("localhost"), "localhost")
    monkeypatch.setenv("USAGE_LEDGER_CA_FILE", str(tmp_path / "ca.pem"))
    assert over_tls(AUTHORITY.issue_cert("localhost"), "localhost") == b'{"a": 1}'
    with pytest.raises(errors.Unreachable):
        over_tls(certificate, name, change)


@pytest.mark.parametrize("content", [None, "no certificate", ""])
def test_a_file_of_authorities_that_holds_none_is_refused_before_anything_is_sent(
    scripted: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    server = scripted(http())
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    monkeypatch.setenv("USAGE_LEDGER_CA_FILE", str(tmp_path / "ca.pem"))
    with pytest.raises(errors.ConfigError, match="USAGE_LEDGER_CA_FILE"):
        Asking(server).ask()
    assert server.connections == 0


OWN = "https://api.fireworks.ai"
SSRF = [
    *(
        "http://{me}",
        "https://{me}",
        "http://localhost:{port}",
        "http://[::1]:{port}",
        "http://[::ffff:127.0.0.1]:{port}",
    ),
    *("http://0.0.0.0:{port}", "http://2130706433:{port}", "http://0x7f.1:{port}", "http://0177.0.0.1:{port}"),
    *("http://127.1:{port}", "http://127.0.1:{port}", "http://0:{port}", "http://127.0.0.1.nip.io:{port}"),
    *(
        "http://[::]:{port}",
        "http://[0:0:0:0:0:ffff:7f00:1]:{port}",
        "http://127.0.0.1.:{port}",
        "http://localhost.:{port}",
    ),
    *("http://169.254.169.254/latest", "https://169.254.169.254", "http://[fd00:ec2::254]", "http://100.100.100.200"),
    *("https://100.64.0.1", "https://10.0.0.1", "https://192.168.0.1", "https://172.16.0.1", "https://[fd00::1]"),
    *("https://[fe80::1]", "https://224.0.0.1", "https://255.255.255.255", "http://metadata.google.internal"),
    *("file:///etc/passwd", "gopher://{me}/_GET", "ftp://{me}", "dict://{me}", "ldap://{me}", "jar:http://{me}!/"),
    *("data:text/plain,x", "unix:///var/run/docker.sock", "HTTP://{me}", "hTTps://{me}", "ws://{me}"),
    *(
        OWN.replace("//", "//user@"),
        OWN.replace("//", "//user:pw@"),
        f"{OWN}@{{me}}",
        f"{OWN}#@{{me}}",
        "http://{me}#@x",
    ),
    *("https://{me}?api.fireworks.ai", "https://{me}\\@api.fireworks.ai", "http://{me}/api.fireworks.ai"),
    *("https://api.fireworks.ai.evil.example", "https://xapi.fireworks.ai", "https://evil-api.fireworks.ai.{me}"),
    *(f"{OWN}.", "https://api.fіreworks.ai", "https://xn--api-fireworks.ai", "https://ａpi.fireworks.ai"),
    *(f"{OWN}:22", f"{OWN}:25", f"{OWN}:8443", f"{OWN}:0", f"{OWN}:99999", f"{OWN}:x", "http://api.fireworks.ai"),
    *(
        "//{me}",
        "{me}",
        "https://",
        "https:///x",
        "https:{me}",
        "https:/{me}",
        " https://{me}",
        "https://{me}\r\nHost: x",
    ),
    *(
        "https://api.fire\tworks.ai",
        f"{OWN}\n@{{me}}",
        "https://{me}\r\nHost: x",
        "https://api.fireworks.ai /x",
        "https://[{me}",
        "https://%6c",
    ),
]


@pytest.mark.parametrize("form", SSRF)
def test_x16_no_form_of_an_address_leads_anywhere_but_to_the_provider(scripted: Server, form: str) -> None:
    server = scripted(http())
    with pytest.raises(errors.HostRefused) as caught:
        base_url(FIREWORKS, form.format(me=f"127.0.0.1:{server.port}", port=server.port))
    assert caught.value.next_step
    assert "pw" not in str(caught.value).replace("plain URL", "")
    assert server.connections == 0
    assert len(SSRF) >= 60


ADDRESSES = [
    *(("8.8.8.8", True, True), ("2600::1", True, True)),
    *((address, False, True) for address in ("10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "fd00::8")),
    *((address, False, False) for address in ("169.254.169.254", "fe80::1", "127.0.0.1", "::1", "::ffff:127.0.0.1")),
    *((address, False, False) for address in ("0.0.0.0", "::", "224.0.0.1", "ff02::1", "::ffff:169.254.169.254")),  # noqa: S104
]


@pytest.mark.parametrize("address", [*(address for address, public, _ in ADDRESSES if not public)])
def test_x17_a_name_that_turns_to_a_private_address_is_not_followed(
    scripted: Server, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """The name is resolved once for a connection, each address is checked, and the connection goes to that address."""
    server = scripted(http())
    asked: list[str] = []

    def resolved(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        family = 2 if ip_address(address).version == 4 else 10
        return [(family, 1, 6, "", ("8.8.8.8", port)), (family, 1, 6, "", (address, server.port))]

    monkeypatch.setattr(transport.socket, "getaddrinfo", resolved)
    with (
        Client(PROVIDER, base_url=f"{OWN}", key=KEY, account="acme", retries=ONCE) as client,
        pytest.raises(errors.HostRefused, match="no public address"),
    ):
        client.ask("/v1/x")
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
    with Client(PROVIDER, base_url=f"http://localhost:{server.port}", key=KEY, account="acme", retries=ONCE) as client:
        assert client.ask("/v1/x").body == b'{"a": 1}'
    assert f"localhost:{server.port}".encode() in server.requests[0]
    assert next(answers) == "127.0.0.9"  # asked for once


def test_x20_the_client_knows_no_verb_but_get(scripted: Server) -> None:
    asking = Asking(scripted(http()))
    asking.ask()
    assert asking.server.requests[0].startswith(b"GET ")
    verbs = {"post", "put", "patch", "delete", "request", "send", "stream"}
    assert verbs & {name.lower() for name in dir(Client) if not name.startswith("_")} == set()
    source = (Path(transport.__file__).parent / "client.py").read_text()
    assert source.count("self._http.") == source.count("self._http.close()") + source.count('self._http.stream("GET"')
