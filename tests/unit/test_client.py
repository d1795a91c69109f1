"""Every answer is whole, bounded and from the host that was asked; every failure has its class; the key stays in."""

import contextlib
import gzip
import json
import math
import re
import socket
import ssl
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from scripted_server import Scripted

from usage_ledger import __version__
from usage_ledger.core import errors
from usage_ledger.core.model import Listing, Paging
from usage_ledger.http.body import Limits
from usage_ledger.http.client import Client, fill
from usage_ledger.http.retry import Retries, retry_after
from usage_ledger.providers.fireworks import FIREWORKS

KEY = "fw_clientKey+9Xq2/Lm7Zt"
PROVIDER = replace(FIREWORKS, requests_per_minute=math.inf)  # type: ignore[arg-type]  no pacing
PAGING = Paging("nextPageToken", "pageToken")
TIGHT = Limits(
    connect_seconds=2,
    read_seconds=2,
    total_seconds=0.4,
    encoded_bytes=200_000,
    decoded_bytes=3 * 2**20,
    inflation=50,
    pages=5,
)
JSON = "Content-Type: application/json"

Server = Callable[..., Scripted]


def http(body: bytes | str = b"{}", status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    sent = body.encode() if isinstance(body, str) else body
    told = headers or (JSON,)
    size = len(sent) if length is None else length
    head = "\r\n".join((f"HTTP/1.1 {status}", *told, f"Content-Length: {size}", "Connection: close"))
    return head.encode() + b"\r\n\r\n" + sent


def bare(body: bytes, *headers: str) -> bytes:
    """An answer without a length: it ends where the connection does."""
    return "\r\n".join(("HTTP/1.1 200 OK", JSON, *headers, "Connection: close")).encode() + b"\r\n\r\n" + body


@pytest.fixture(autouse=True, scope="module")
def certificates_are_read_once() -> Iterator[None]:
    """Each client reads them anew, which takes longer than all else here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


class Asking:
    """A client of a scripted server, and the waits that it asked for."""

    def __init__(self, server: Scripted, *, limits: Limits = TIGHT, retries: Retries | None = None) -> None:
        self.waits: list[float] = []
        self.client = Client(
            PROVIDER,
            base_url=server.url,
            key=KEY,
            account="acme",
            limits=limits,
            retries=retries,
            sleep=self.waits.append,
        )

    def ask(self, path: str = "/v1/accounts") -> bytes:
        with self.client:
            return self.client.ask(path).body


# What is asked


def test_the_request_carries_the_key_as_declared_and_says_who_asks(scripted: Server) -> None:
    server = scripted(http())
    with Asking(server).client as client:
        answer = client.ask("/v1/x", (("groupBy", ("a", "b.c")), ("timezone", "America/Los_Angeles"), ("q", "a&b#c d")))
    head = server.requests[0].decode()
    line, *fields = head.strip().split("\r\n")
    sent = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
    assert line.startswith("GET /v1/x?")
    assert parse_qsl(urlsplit(line.split(" ")[1]).query) == [
        *(("groupBy", "a"), ("groupBy", "b.c"), ("timezone", "America/Los_Angeles"), ("q", "a&b#c d"))
    ]
    assert sent["authorization"] == f"Bearer {KEY}"
    assert sent["user-agent"] == f"usage-ledger/{__version__}"
    assert sent["accept-encoding"] == "gzip"
    assert "cookie" not in sent
    assert head.count(KEY) == 1
    assert (answer.status, answer.body, answer.path) == (200, b"{}", "/v1/x")
    assert datetime.now(UTC) - answer.asked_at < timedelta(seconds=10)


@pytest.mark.parametrize(
    "key", ["", " ", "fw_a b", "fw_a\n", " fw_abc", "fw_a\r\nX-Evil: 1", "fw_é", "fw_\x7f", "fw_\0"]
)
def test_a_key_that_is_no_plain_word_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(errors.BadKey) as caught:
        Client(PROVIDER, base_url="http://127.0.0.1:9", key=key, account="acme")
    assert not key.strip() or key.strip() not in str(caught.value)


def test_proxies_and_netrc_of_the_environment_are_not_used(
    scripted: Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path,  # type: ignore[no-untyped-def]
) -> None:
    server, proxy = scripted(http()), scripted(http())
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login x password from-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert Asking(server).ask() == b"{}"
    assert (proxy.connections, len(server.requests)) == (0, 1)
    assert f"Bearer {KEY}".encode() in server.requests[0]


def test_requests_of_one_account_are_spaced_by_its_allowance(scripted: Server) -> None:
    server = scripted(http())
    waits: list[float] = []
    slow = replace(FIREWORKS, requests_per_minute=6)
    for _ in range(3):
        with Client(slow, base_url=server.url, key=KEY, account="paced", sleep=waits.append) as client:
            client.ask("/v1/x")
    assert [round(wait) for wait in waits] == [10, 20]


@pytest.mark.parametrize("value", ["acme", "a/b", "a b", "é", "%2e", "a?b#c", "{user}"])
def test_an_id_is_one_segment_of_a_path(value: str) -> None:
    path = fill("/v1/accounts/{account}/x", {"account": value})
    assert path.count("/") == 4
    assert re.fullmatch(r"/v1/accounts/[A-Za-z0-9._~%-]+/x", path)


@pytest.mark.parametrize("value", [".", ".."])
def test_an_id_never_climbs(value: str) -> None:
    with pytest.raises(errors.ConfigError):
        fill("/v1/accounts/{account}/x", {"account": value})


# Refusals: what a status means, and how often it is asked


@pytest.mark.parametrize(
    ("status", "error", "requests"),
    [
        ("400 Bad Request", errors.BadRequest, 1),
        ("401 Unauthorized", errors.BadKey, 1),
        ("403 Forbidden", errors.NoPermission, 1),
        ("404 Not Found", errors.BadRequest, 1),
        ("422 Unprocessable", errors.BadRequest, 1),
        ("501 Not Implemented", errors.BadRequest, 1),
        ("505 Version", errors.BadRequest, 1),
        ("204 No Content", errors.UsageLedgerError, 1),
        ("408 Timeout", errors.ProviderDown, 4),
        ("425 Early", errors.ProviderDown, 4),
        ("429 Slow", errors.RateLimited, 4),
        ("500 Oops", errors.ProviderDown, 4),
        ("502 Gateway", errors.ProviderDown, 4),
        ("503 Down", errors.ProviderDown, 4),
        ("504 Gateway", errors.ProviderDown, 4),
        ("520 CDN", errors.ProviderDown, 4),
    ],
)
def test_each_status_has_its_class_and_its_number_of_requests(
    scripted: Server, status: str, error: type[errors.UsageLedgerError], requests: int
) -> None:
    server = scripted(http('{"code": 3, "message": "what the vendor says"}' if status[:3] != "204" else b"", status))
    asking = Asking(server)
    with pytest.raises(error) as caught:
        asking.ask()
    assert len(server.requests) == requests
    assert len(asking.waits) == requests - 1
    assert status[:3] in str(caught.value)
    if status[:3] != "204":
        assert "what the vendor says" in str(caught.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error": {"message": "nested words"}}', "nested words"),
        ('{"message": "two\\nlines\\u001b[31m"}', "two\\nlines\\x1b[31m"),
        ('{"message": "%s"}' % ("x" * 5000), "x" * 499 + "…"),
        ('{"message": {"odd": 1}}', ""),
        ("not json", ""),
        ("", ""),
        ("[" * 100_000, ""),
    ],
    ids=["nested", "control characters", "long", "odd", "no json", "empty", "deep"],
)
def test_the_vendors_words_come_along_on_one_line_and_bounded(scripted: Server, body: str, said: str) -> None:
    with pytest.raises(errors.BadRequest) as caught:
        Asking(scripted(http(body, "400 Bad Request"))).ask()
    assert said in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 900


@pytest.mark.parametrize("status", ["500 Oops", "502 Gateway", "503 Down", "504 Gateway", "429 Slow"])
def test_a_passing_failure_is_asked_exactly_once_more(scripted: Server, status: str) -> None:
    server = scripted(http("{}", status), http('{"a": 1}'))
    asking = Asking(server)
    assert asking.ask() == b'{"a": 1}'
    assert len(server.requests) == 2
    assert len(asking.waits) == 1
    assert server.requests[0] == server.requests[1]


def test_waits_grow_with_full_jitter_up_to_the_cap() -> None:
    retries = Retries(base=1, throttled_base=5, cap=20)
    for attempt, throttled, most in ((1, False, 1), (3, False, 4), (9, False, 20), (1, True, 5), (2, True, 10)):
        drawn = [retries.wait(attempt, throttled=throttled) for _ in range(300)]
        assert 0 <= min(drawn) < most * 0.2
        assert most * 0.8 < max(drawn) <= most


@pytest.mark.parametrize(("factor", "expected"), [("", 7.14), ("0", 0.0), ("0.5", 3.57), ("x", 7.14), ("-1", 0.0)])
def test_the_retry_scale_multiplies_every_wait(
    scripted: Server, monkeypatch: pytest.MonkeyPatch, factor: str, expected: float
) -> None:
    monkeypatch.setenv("USAGE_LEDGER_RETRY_SCALE", factor)
    asking = Asking(scripted(http("{}", "429 Slow", "Retry-After: 7"), http()))
    asking.ask()
    assert sum(asking.waits) == pytest.approx(expected, abs=0.01)


# Retry-After


@pytest.mark.parametrize("status", ["429 Slow", "503 Down"])
def test_a_wait_that_the_provider_names_is_kept_with_at_most_a_tenth_more(scripted: Server, status: str) -> None:
    server = scripted(http("{}", status, "Retry-After: 7"), http())
    asking = Asking(server)
    asking.ask()
    (wait,) = asking.waits
    assert 7 <= wait <= 7.7
    assert len(server.requests) == 2


def test_a_long_wait_is_not_slept_but_handed_up(scripted: Server) -> None:
    server = scripted(http("{}", "429 Slow", "Retry-After: 86400"))
    asking = Asking(server)
    with pytest.raises(errors.RateLimited) as caught:
        asking.ask()
    assert caught.value.retry_after == 86400
    assert (len(server.requests), asking.waits) == (1, [])


NOW = datetime(2026, 9, 14, 12, tzinfo=UTC)
THEN = format_datetime(NOW + timedelta(seconds=90), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": " 7 "}, 7),
        ({"retry-after": "3, 9"}, 9),
        ({"retry-after": "abc, 9"}, 9),
        ({"retry-after": THEN}, 90),
        ({"retry-after": THEN, "date": format_datetime(NOW + timedelta(seconds=30), usegmt=True)}, 60),
        ({"retry-after": THEN.replace("GMT", "+0000")}, 90),
        *(
            ({"retry-after": value}, None)
            for value in ("", "0", "-7", "abc", "٣", "1e3", "NaN", "inf", "Mon, 99 Foo 2026 99:99:99 GMT", "7 s")
        ),
        ({"retry-after": format_datetime(NOW - timedelta(hours=1), usegmt=True)}, None),
        ({}, None),
    ],
    ids=str,
)
def test_retry_after_is_seconds_or_a_date_or_nothing(headers: dict[str, str], wait: float | None) -> None:
    assert retry_after(headers, NOW) == wait


def test_a_wait_beyond_all_numbers_is_no_wait() -> None:
    found = retry_after({"retry-after": "9" * 400}, NOW)
    assert found is None or math.isfinite(found)


# Redirects


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent", "304 Not"])
def test_a_redirect_is_refused_and_its_target_gets_nothing(scripted: Server, status: str) -> None:
    target = scripted(http())
    server = scripted(http("{}", status, f"Location: {target.url}/steal?key=1"))
    with pytest.raises(errors.RedirectRefused) as caught:
        Asking(server).ask()
    assert (target.connections, len(server.requests)) == (0, 1)
    assert "steal" not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"code": 7, "message": "no access"}, errors.NoPermission),
        ({"code": 16, "message": "bad key"}, errors.BadKey),
        ({"code": 8, "message": "slow down"}, errors.RateLimited),
        ({"code": 14, "message": "later"}, errors.ProviderDown),
        ({"error": {"code": 3, "message": "no such window"}}, errors.BadRequest),
        ({"error": {"message": "something"}}, errors.BadRequest),
        ({"message": "something", "serverlessCosts": []}, errors.BadRequest),
    ],
)
def test_an_error_object_that_comes_with_status_200_is_never_an_answer(
    scripted: Server, told: dict[str, object], expected: type[errors.UsageLedgerError]
) -> None:
    server = scripted(http(json.dumps(told)))
    with pytest.raises(expected):
        Asking(server, retries=Retries(attempts=1)).ask()


# Bodies


def chunked(*parts: bytes, end: bool) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return (
        f"HTTP/1.1 200 OK\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        + body
        + (b"0\r\n\r\n" if end else b"")
    )


WHOLE = json.dumps({"serverlessCosts": [{"promptTokens": str(n)} for n in range(3000)]}).encode()
PACKED = gzip.compress(WHOLE)
GZIP = "Content-Encoding: gzip"


@pytest.mark.parametrize(
    "reply",
    [
        http(WHOLE),
        http(PACKED, "200 OK", JSON, GZIP),
        bare(PACKED, GZIP),
        bare(WHOLE),
        chunked(WHOLE[:9], WHOLE[9:], end=True),
        http(WHOLE, "200 OK", "Content-Type: text/plain"),
        http(b" \r\n" + WHOLE + b"\n"),
    ],
    ids=["length", "gzip", "gzip to the end", "to the end", "chunked", "text/plain", "blanks around"],
)
def test_a_whole_answer_comes_back_byte_for_byte(scripted: Server, reply: bytes) -> None:
    asking = Asking(scripted(reply))
    assert asking.ask().strip() == WHOLE
    assert asking.waits == []


def test_an_answer_with_a_byte_order_mark_is_accepted(scripted: Server) -> None:
    assert json.loads(Asking(scripted(http(b"\xef\xbb\xbf" + WHOLE))).ask().decode("utf-8-sig"))


@pytest.mark.parametrize(
    "reply",
    [
        http(WHOLE[:-1]),
        http(WHOLE, length=len(WHOLE) + 10),
        bare(WHOLE[:-2]),
        http(PACKED[:-9], "200 OK", JSON, GZIP),
        bare(PACKED[:-3], GZIP),
        bare(PACKED[: len(PACKED) // 2], GZIP),
        http(PACKED[:40] + b"\0" * 40 + PACKED[80:], "200 OK", JSON, GZIP),
        http(WHOLE, "200 OK", JSON, GZIP),
        chunked(WHOLE[:100], end=False),
        http(b""),
        http(b" \n "),
        http(b"<html>log in</html>", "200 OK", "Content-Type: text/html"),
        http(b'{"a": 1}', "200 OK", "Content-Type: text/html; charset=utf-8"),
        http(b"{} {}"),
        http(b'{"a": 1,}'),
        http(b"{'a': 1}"),
        http(b'{"a": NaN}'),
        http(b'{"a": Infinity}'),
        http("{}".encode("utf-16")),
        http(b"[" * 100_000),
        http(b"plain words"),
        b"",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"nonsense\r\n\r\n",
    ],
    ids=[
        *("cut json", "length longer than body", "cut json to the end", "cut gzip", "cut gzip trailer", "half gzip"),
        *("damaged gzip", "gzip that is none", "cut chunks", "empty", "blank", "web page", "json as web page"),
        *("two documents", "trailing comma", "single quotes", "NaN", "Infinity", "utf-16", "too deep", "words"),
        *("no answer", "cut head", "no http"),
    ],
)
def test_an_answer_that_is_not_whole_json_is_asked_again_then_refused(scripted: Server, reply: bytes) -> None:
    server = scripted(reply)
    with pytest.raises(errors.IncompleteAnswer) as caught:
        Asking(server, retries=Retries(attempts=2)).ask()
    assert len(server.requests) == 2
    assert str(caught.value).isprintable()
    recovering = scripted(reply, http(WHOLE))
    assert Asking(recovering).ask() == WHOLE


@pytest.mark.parametrize(
    "reply",
    [
        http(gzip.compress(b" " * 30 * 2**20), "200 OK", JSON, GZIP),
        http(gzip.compress(json.dumps(["x" * 40] * 50_000).encode(), 1), "200 OK", JSON, GZIP),
        bare(gzip.compress(b'"' + b"0" * 4 * 2**20 + b'"'), GZIP),
        http(b'"' + b"x" * 200_000 + b'"'),
        bare(b'"' + b"x" * 300_000 + b'"'),
        http(b"{}", length=10**12),
        http(gzip.compress(gzip.compress(b"{}")), "200 OK", JSON, "Content-Encoding: gzip, gzip"),
        http(b"{}", "200 OK", JSON, "Content-Encoding: br"),
    ],
    ids=["bomb", "ratio", "bomb without length", "large", "large without length", "announced", "twice packed", "br"],
)
def test_an_answer_beyond_the_bounds_is_refused_at_once(scripted: Server, reply: bytes) -> None:
    server = scripted(reply)
    started = time.monotonic()
    with pytest.raises(errors.TooLarge):
        Asking(server).ask()
    assert len(server.requests) == 1
    assert time.monotonic() - started < 2


def drip(head: bytes, one: bytes, seconds: float = 3) -> Callable[[socket.socket], None]:
    def send(connection: socket.socket) -> None:
        connection.sendall(head)
        until = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            while time.monotonic() < until:
                connection.sendall(one)
                time.sleep(0.05)

    return send


@pytest.mark.parametrize(
    "reply",
    [
        drip(f"HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: 100000\r\n\r\n".encode(), b" "),
        drip(f"HTTP/1.1 200 OK\r\n{JSON}\r\n{GZIP}\r\n\r\n".encode() + gzip.compress(b"{}")[:10], b"\0"),
        drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"),
        drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["body", "gzip body", "headers", "interim answers"],
)
def test_an_answer_that_drips_ends_at_the_total_deadline(
    scripted: Server, reply: Callable[[socket.socket], None]
) -> None:
    server = scripted(reply)
    started = time.monotonic()
    with pytest.raises(errors.TryAgain):
        Asking(server, retries=Retries(attempts=1)).ask()
    assert time.monotonic() - started < 1.5


def test_silence_ends_at_the_read_timeout_and_is_asked_again(scripted: Server) -> None:
    server = scripted(lambda _connection: time.sleep(0.4), http(WHOLE))
    asking = Asking(server, limits=replace(TIGHT, read_seconds=0.15))
    assert asking.ask() == WHOLE
    assert len(server.requests) == 2


def test_a_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    waits: list[float] = []
    client = Client(PROVIDER, base_url=f"http://127.0.0.1:{port}", key=KEY, account="acme", sleep=waits.append)
    with client, pytest.raises(errors.Unreachable):
        client.ask("/v1/x")
    assert len(waits) == 3


# Pages


def page(token: object = None, **more: object) -> bytes:
    return http(json.dumps(more if token is None else {"nextPageToken": token, **more}))


def pages_of(server: Scripted, paging: Paging | None = PAGING) -> list[bytes]:
    with Asking(server).client as client:
        return [answer.body for answer in client.pages("/v1/x", (("pageSize", "2"),), paging)]


def test_pages_are_followed_to_the_last_with_each_token_sent_as_a_parameter(scripted: Server) -> None:
    hostile = "a&b#c/../%2e=?\r\n " + "x" * 3000
    server = scripted(page(hostile, n=1), page("t2", n=2), page("", n=3))
    assert [json.loads(body)["n"] for body in pages_of(server)] == [1, 2, 3]
    asked = [parse_qs(urlsplit(request.split(b" ")[1].decode()).query) for request in server.requests]
    assert asked == [
        {"pageSize": ["2"]},
        {"pageSize": ["2"], "pageToken": [hostile]},
        {"pageSize": ["2"], "pageToken": ["t2"]},
    ]
    assert all(request.startswith(b"GET /v1/x?") for request in server.requests)


@pytest.mark.parametrize("last", [page(), page(""), http('{"nextPageToken": null}')])
def test_an_absent_null_or_empty_token_ends_the_pages(scripted: Server, last: bytes) -> None:
    server = scripted(last)
    assert len(pages_of(server)) == len(server.requests) == 1


def test_a_report_without_paging_is_one_page(scripted: Server) -> None:
    server = scripted(page("more"))
    assert len(pages_of(server, None)) == len(server.requests) == 1


@pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"]])
def test_a_token_that_repeats_ends_in_an_error(scripted: Server, tokens: list[str]) -> None:
    server = scripted(*map(page, tokens))
    with pytest.raises(errors.ContractBroken, match="token"):
        pages_of(server)
    assert len(server.requests) == len(tokens)


def test_endless_pages_end_at_the_limit(scripted: Server) -> None:
    server = scripted(*(page(f"t{n}") for n in range(9)))
    with pytest.raises(errors.TooLarge):
        pages_of(server)
    assert len(server.requests) == TIGHT.pages


@pytest.mark.parametrize("body", ['{"nextPageToken": 7}', '{"nextPageToken": {"a": 1}}', "[]", "7", '"text"', "null"])
def test_a_page_of_another_shape_is_refused_as_such(scripted: Server, body: str) -> None:
    with pytest.raises(errors.Shape):
        pages_of(scripted(http(body)))


ACCOUNTS = Listing("/v1/accounts", "accounts", "name", "account", (), PAGING)


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ('{"accounts": [{"name": "accounts/acme"}, {"name": "beta"}, {"other": 1}, {"name": ""}]}', ["acme", "beta"]),
        ('{"accounts": []}', []),
        ('{"accounts": null}', []),
        ("{}", []),
    ],
)
def test_a_listing_gives_bare_ids(scripted: Server, body: str, ids: list[str]) -> None:
    with Asking(scripted(http(body))).client as client:
        assert [found for _, page in client.listed(ACCOUNTS) for found in page] == ids


def test_a_listing_that_is_no_list_is_refused(scripted: Server) -> None:
    with Asking(scripted(http('{"accounts": {"name": "x"}}'))).client as client, pytest.raises(errors.Shape):
        list(client.listed(ACCOUNTS))


# The key


@pytest.mark.parametrize("status", ["200 OK", "400 Bad", "401 No", "403 No", "429 Slow", "500 Oops", "302 Found"])
def test_a_key_that_the_provider_echoes_is_in_no_answer_and_no_error(scripted: Server, status: str) -> None:
    echo = json.dumps({"message": f"bad key {KEY}", "cut": f"{KEY[:15]}…", "nextPageToken": f"t{KEY}"})
    server = scripted(http(echo, status, JSON, f"Location: https://x.example/{KEY}", f"X-Echo: {KEY}"))
    asking = Asking(server, retries=Retries(attempts=1))
    try:
        body = asking.ask(f"/v1/{'x' if status == '200 OK' else 'y'}")
    except errors.UsageLedgerError as error:
        shown = [str(error), repr(error), str(error.args), str(vars(error)), *traceback.format_exception(error)]
        while error.__cause__ is not None:
            error = error.__cause__  # type: ignore[assignment]
            shown += [str(error), repr(error), str(error.args)]
        assert KEY not in "".join(shown)
    else:
        assert KEY.encode() not in body
        assert b"***" in body


@pytest.mark.parametrize("reply", [b"", b"nonsense\r\n\r\n", http(WHOLE, length=10**5)])
def test_a_transport_error_shows_no_key_in_its_whole_chain(scripted: Server, reply: bytes) -> None:
    with pytest.raises(errors.TryAgain) as caught:
        Asking(scripted(reply), retries=Retries(attempts=1)).ask()
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in repr(Asking(scripted(reply)).client.__dict__)
