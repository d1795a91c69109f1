"""Faults of HTTP and of the network: each has its class, its number of requests, and its bounds."""

import errno
import gzip
import json
import socket
import struct
import threading
import time
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from kit.asking import GZIP, JSON, KEY, ONCE, PACKED, PROVIDER, TIGHT, WHOLE, Asking, Server, bare, chunked, drip, http
from kit.provider_site import COST, DAY, FIRST, LAST, USAGE, Site

from usage_ledger.airflow.retry_policy import UsageLedgerRetryPolicy, retries
from usage_ledger.connections import Connection
from usage_ledger.core import errors, provider_errors
from usage_ledger.core.windows import Window
from usage_ledger.http import body
from usage_ledger.http.auth import Credential
from usage_ledger.http.body import Limits
from usage_ledger.http.client import Client
from usage_ledger.http.page import Call
from usage_ledger.http.retry import Budget, Retries
from usage_ledger.http.waits import reset_after, retry_after
from usage_ledger.pipeline.extract import land

NOW = datetime(2026, 9, 14, 12, tzinfo=UTC)
THEN = format_datetime(NOW + timedelta(seconds=90), usegmt=True)
LATER = format_datetime(NOW + timedelta(seconds=30), usegmt=True)
BOMB = gzip.compress(bytes(64 * 2**20))
"""64 KB that would become a thousand times as much."""
TWICE = gzip.compress(gzip.compress(b"{}"))


def test_h1_a_wait_that_the_provider_names_is_kept_with_at_most_a_tenth_more(scripted: Server) -> None:
    asking = Asking(scripted(http("{}", "429 Slow", "Retry-After: 7"), http('{"a": 1}')))
    assert asking.ask() == b'{"a": 1}'
    (wait,) = asking.waits
    assert 7 <= wait <= 7.7
    assert len(asking.server.requests) == 2


@pytest.mark.parametrize(
    ("headers", "wait"),
    [({"retry-after": THEN}, 90), ({"retry-after": THEN, "date": LATER}, 60), ({"retry-after": THEN, "date": "?"}, 90)],
)
def test_h2_a_date_to_wait_for_counts_from_the_answers_own_clock(
    scripted: Server, headers: dict[str, str], wait: float
) -> None:
    assert retry_after(headers, NOW) == wait
    ahead = datetime.now(UTC) + timedelta(days=3)  # a provider whose clock is off
    told = [format_datetime(at, usegmt=True) for at in (ahead, ahead + timedelta(seconds=20))]
    asking = Asking(scripted(http("{}", "429 Slow", f"Date: {told[0]}", f"Retry-After: {told[1]}"), http()))
    asking.ask()
    assert 20 <= sum(asking.waits) <= 22


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        *((value, None) for value in ("", "0", "-7", "abc", "٣", "1e3", "NaN", "inf", "7 s", "9" * 400)),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), None),
        ("3, 9", 9),
        ("abc, 9", 9),
    ],
)
def test_h3_a_wait_that_makes_no_sense_counts_as_none_and_of_several_the_largest_holds(
    value: str, wait: float | None
) -> None:
    assert retry_after({"retry-after": value}, NOW) == wait


def test_h4_a_long_wait_is_not_slept_but_given_to_the_scheduler_and_told(site: Site, scripted: Server) -> None:
    asking = Asking(scripted(http("{}", "429 Slow", "Retry-After: 86400")))
    with pytest.raises(provider_errors.RateLimited) as caught:
        asking.ask()
    assert (len(asking.server.requests), asking.waits) == (1, [])
    decision = UsageLedgerRetryPolicy().evaluate(caught.value, 1, 3)
    assert decision.retry_delay == timedelta(days=1)
    ran = site.run(url=asking.server.url)
    until = f"throttled until {datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    assert all(until in str(error) for error in ran.failures)
    assert all(until in message for (message,) in site.loads("error_message"))
    assert all(until in message for _, _, _, message, _ in site.events())


@pytest.mark.parametrize(
    ("told", "least"),
    [
        ("12", 12),
        ("1m30s", 90),
        ("250ms", 0.25),
        (str(int(NOW.timestamp()) + 40), 40),
        ("301", 0),
        ("-3", 0),
        ("soon", 0),
        ("1h", 0),
        (str(int(NOW.timestamp()) + 4000), 0),
    ],
)
@pytest.mark.parametrize("name", ["x-ratelimit-reset", "X-RateLimit-Reset-Requests"])
def test_h5_the_renewal_of_an_allowance_is_the_least_wait_when_it_is_sane(
    scripted: Server, name: str, told: str, least: float
) -> None:
    assert reset_after({name: told}, NOW) == pytest.approx(least)
    if "0" not in told:
        asking = Asking(scripted(http("{}", "429 Slow", f"{name}: {told}"), http()))
        asking.ask()
        assert least <= sum(asking.waits) <= max(least, 5)


def test_h6_too_many_requests_for_ever_end_after_four_and_fail_that_account_alone(scripted: Server) -> None:
    asking = Asking(scripted(http("{}", "429 Slow")))
    with pytest.raises(provider_errors.RateLimited):
        asking.ask()
    assert len(asking.server.requests) == 4
    other = Asking(scripted(http('{"a": 1}')))
    assert (other.ask(), other.waits) == (b'{"a": 1}', [])


@pytest.mark.parametrize("status", ["500 Oops", "502 Gateway", "503 Down", "504 Gateway"])
def test_h7_a_passing_failure_is_asked_exactly_once_more(scripted: Server, status: str) -> None:
    asking = Asking(scripted(http("{}", status), http('{"a": 1}')))
    assert asking.ask() == b'{"a": 1}'
    assert len(asking.server.requests) == 2
    assert len(asking.waits) == 1
    assert asking.server.requests[0] == asking.server.requests[1]


def test_h8_a_provider_that_is_down_and_names_a_wait_is_given_it(scripted: Server) -> None:
    asking = Asking(scripted(http("{}", "503 Down", "Retry-After: 7"), http()))
    asking.ask()
    assert 7 <= sum(asking.waits) <= 7.7


def test_h9_in_an_outage_retries_add_at_most_a_tenth_and_the_next_run_recovers(scripted: Server) -> None:
    """One budget for a host, within a process: a hundred connections over the four tries that Airflow makes. Each task
    that Airflow starts is a process with a budget of its own; what bounds those is that one window takes at most four
    requests in one try: sixteen over the four."""
    down = scripted(http("{}", "503 Down"))
    windows = [f"/v1/accounts/a{number}" for number in range(100)]
    with ExitStack() as opened:
        clients = [
            opened.enter_context(
                Client(PROVIDER, base_url=down.url, credential=Credential(KEY), account=path, sleep=lambda _: None)
            )
            for path in windows
        ]
        for path, client in [*zip(windows, clients, strict=True)] * 4:
            with pytest.raises(provider_errors.ProviderDown):
                client.ask(Call(path))
        asked = Counter(request.split(b" ")[1].decode() for request in down.requests)
        assert set(asked) == set(windows)
        assert max(asked.values()) <= 16
        assert 400 < asked.total() <= 440
        assert Retries().attempts * (1 + retries()) == 16
        down.replies = [http('{"a": 1}')]
        assert [client.ask(Call(path)).body for path, client in zip(windows, clients, strict=True)] == [
            b'{"a": 1}'
        ] * 100
    budget = Budget()
    spent = sum(bool(budget.spend(throttled=False)) for _ in range(1000))
    assert spent == Budget.TOKENS // Budget.TRANSIENT
    budget.give_back(Budget.TRANSIENT)
    assert budget.spend(throttled=False)


@pytest.mark.parametrize(
    ("status", "error", "requests"),
    [(f"{code} CDN", provider_errors.ProviderDown, 4) for code in range(520, 527)]
    + [("501 Not Implemented", provider_errors.BadRequest, 1), ("505 Version", provider_errors.BadRequest, 1)],
)
def test_h10_a_cdns_failure_passes_and_what_is_not_implemented_does_not(
    scripted: Server, status: str, error: type[Exception], requests: int
) -> None:
    asking = Asking(scripted(http("{}", status)))
    with pytest.raises(error):
        asking.ask()
    assert len(asking.server.requests) == requests


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "422 Unprocessable"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"code": 3, "message": "what the vendor says"}', "what the vendor says"),
        ('{"error": {"message": "nested words"}}', "nested words"),
        ('{"message": "two\\nlines\\u001b[31m"}', "two\\nlines\\x1b[31m"),
        ('{"message": "%s"}' % ("x" * 5000), "x" * 499 + "…"),
        ('{"message": {"odd": 1}}', ""),
        ("not json", ""),
        ("", ""),
        ("[" * 100_000, ""),
        (json.dumps({"message": f"the key {KEY} is bad"}), "the key *** is bad"),
    ],
    ids=["plain", "nested", "control characters", "long", "odd", "no json", "empty", "deep", "echo"],
)
def test_h11_a_bad_request_is_not_repeated_and_brings_the_vendors_words_on_one_line(
    scripted: Server, status: str, body: str, said: str
) -> None:
    asking = Asking(scripted(http(body, status)))
    with pytest.raises(provider_errors.BadRequest) as caught:
        asking.ask()
    assert len(asking.server.requests) == 1
    assert status[:3] in str(caught.value)
    assert said in str(caught.value)
    assert KEY not in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 900


def test_h12_after_a_refused_key_nothing_more_is_asked_in_the_run(site: Site) -> None:
    site.provider.answers[USAGE] = (401, b'{"code": 16, "message": "revoked"}')
    ran = site.run(first=FIRST - 60 * DAY)
    assert [type(error) for error in ran.failures] == [provider_errors.BadKey]
    assert site.provider.request_count(USAGE) == 1
    assert {path for path in site.provider.requests if not path.endswith(USAGE)} == {"/v1/accounts"}
    [(kind, severity, _, message, next_step)] = site.events()
    assert (kind, severity) == ("extract_failed", "error")
    assert "revoked" in message
    assert "store a valid key" in next_step


def test_h13_a_missing_right_is_named_not_repeated_and_stops_no_other_report(site: Site) -> None:
    site.provider.answers[COST] = (403, b'{"code": 7, "message": "permission billing.read is missing"}')
    ran = site.run()
    assert [(type(error), error.report) for error in ran.failures] == [(provider_errors.NoPermission, "cost")]
    assert "billing.read" in str(ran.failures[0])
    assert site.provider.request_count(COST) == 1
    assert set(site.tokens()) == {FIRST, LAST}


@pytest.mark.parametrize("status", ["408 Timeout", "425 Early"])
def test_h14_a_timeout_or_an_early_request_is_asked_again(scripted: Server, status: str) -> None:
    asking = Asking(scripted(http("{}", status), http('{"a": 1}')))
    assert asking.ask() == b'{"a": 1}'
    assert len(asking.server.requests) == 2


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"code": 7, "message": "no access"}, provider_errors.NoPermission),
        ({"code": 16, "message": "bad key"}, provider_errors.BadKey),
        ({"code": 8, "message": "slow down"}, provider_errors.RateLimited),
        ({"code": 14, "message": "later"}, provider_errors.ProviderDown),
        ({"error": {"code": 3, "message": "no such window"}}, provider_errors.BadRequest),
        ({"error": {"message": "something"}}, provider_errors.BadRequest),
        ({"message": "something", "serverlessCosts": []}, provider_errors.BadRequest),
    ],
)
def test_h15_an_error_object_that_comes_with_status_200_is_no_day_without_use(
    site: Site, scripted: Server, told: dict[str, Any], expected: type[errors.UsageLedgerError]
) -> None:
    with pytest.raises(expected):
        Asking(scripted(http(json.dumps(told))), retries=ONCE).ask()
    site.provider.answers[USAGE] = (200, json.dumps(told).encode())
    assert isinstance(site.run(reports=("usage",)).failures[0], expected)
    assert {state for _, _, state in site.days()} == {"failed"}


@pytest.mark.parametrize(
    "reply",
    [
        http(b"<html>log in\x1b[31m</html>", "200 OK", "Content-Type: text/html"),
        http(b'{"a": 1}', "200 OK", "Content-Type: text/html; charset=utf-8"),
        http(b"<!doctype html><p>captive", "200 OK", JSON),
        bare(b"  <html>", "Server: cdn"),
    ],
)
def test_h16_a_web_page_is_asked_again_once_and_its_beginning_is_shown_escaped(scripted: Server, reply: bytes) -> None:
    asking = Asking(scripted(reply))
    with pytest.raises(provider_errors.NotJson) as caught:
        asking.ask()
    assert len(asking.server.requests) == 2
    beginning = reply.split(b"\r\n\r\n", 1)[1][:12].decode().strip()
    assert beginning.replace("\x1b", "\\x1b")[:6] in str(caught.value)
    assert str(caught.value).isprintable()
    assert Asking(scripted(reply, http(WHOLE))).ask() == WHOLE


@pytest.mark.parametrize("reply", [http(b""), http(b" \n "), http(b"", "204 No Content"), bare(b"")])
def test_h17_no_body_is_no_empty_list(scripted: Server, reply: bytes) -> None:
    """It is not asked again at once; the task tries again later, since nothing about the request was wrong."""
    asking = Asking(scripted(reply))
    with pytest.raises(provider_errors.EmptyBody):
        asking.ask()
    assert len(asking.server.requests) == 1


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent", "304 Not"])
def test_h18_a_redirect_is_refused_and_its_target_gets_nothing(scripted: Server, status: str) -> None:
    target = scripted(http())
    asking = Asking(scripted(http("{}", status, f"Location: {target.url}/steal?key=1")))
    with pytest.raises(provider_errors.RedirectRefused) as caught:
        asking.ask()
    assert (target.connections, len(asking.server.requests)) == (0, 1)
    assert "steal" not in str(caught.value)


def test_h19_a_host_that_cannot_be_reached_is_tried_four_times(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    def failing(error: OSError) -> Callable[..., Any]:
        def fail(*_: Any, **__: Any) -> Any:
            raise error

        return fail

    def tried(url: str) -> None:
        waits: list[float] = []
        client = Client(PROVIDER, base_url=url, credential=Credential(KEY), account="acme", sleep=waits.append)
        with client, pytest.raises(errors.Unreachable) as caught:
            client.ask(Call("/v1/x"))
        assert len(waits) == 3
        assert str(caught.value).startswith(f"{url.removeprefix('http://')} cannot be reached (")

    tried(f"http://127.0.0.1:{port}")  # refused
    with monkeypatch.context() as changed:
        changed.setattr(socket, "create_connection", failing(OSError(errno.ENETUNREACH, "no way there")))
        tried(f"http://127.0.0.1:{port}")
    with monkeypatch.context() as changed:
        changed.setattr(socket, "getaddrinfo", failing(socket.gaierror(socket.EAI_NONAME, "unknown")))
        tried("http://no-such-host.invalid")


def reset(after: bytes) -> Callable[[socket.socket], None]:
    """Sends this much and then a TCP reset."""

    def send(connection: socket.socket) -> None:
        connection.sendall(after)
        time.sleep(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return send


@contextmanager
def remembering_less_than(mebibytes: int) -> Iterator[None]:
    """This process takes less further memory than this, at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < mebibytes * 2**20
    finally:
        tracemalloc.stop()


class CountingInflater:
    """An inflater that counts the bytes it makes."""

    def __init__(self, sizes: list[int], *, wbits: int) -> None:
        self._sizes, self._inflater = sizes, zlib.decompressobj(wbits=wbits)

    def decompress(self, data: bytes, most: int) -> bytes:
        part = self._inflater.decompress(data, most)
        self._sizes.append(len(part))
        return part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inflater, name)


def lands_nothing(
    site: Site, scripted: Server, *replies: Any, error: type[Exception] = provider_errors.IncompleteAnswer
) -> None:
    """The answer is asked again; without a good one no page reaches raw storage, with one the whole page does."""
    asking = Asking(scripted(*replies, http(WHOLE)))
    assert asking.ask() == WHOLE
    assert len(asking.server.requests) == len(replies) + 1
    connection = Connection(id=site.name, provider="fireworks", account=site.name)
    failing = Asking(scripted(*replies), retries=ONCE)
    with failing.client, pytest.raises(error):
        land(connection, PROVIDER.report("usage"), Window(FIRST, LAST), "a" * 8, client=failing.client, root=site.root)
    assert list(site.root.rglob("*.zst")) == []


@pytest.mark.parametrize("sent", [b"", http(WHOLE)[:40], http(WHOLE)[:900]], ids=["at once", "in the head", "in body"])
def test_h20_a_connection_that_is_reset_leaves_no_partial_page(site: Site, scripted: Server, sent: bytes) -> None:
    lands_nothing(site, scripted, reset(sent), error=errors.TryAgain)


def test_h21_a_body_shorter_than_announced_is_asked_again(site: Site, scripted: Server) -> None:
    lands_nothing(site, scripted, http(WHOLE, length=len(WHOLE) + 10))


def test_h22_a_body_whose_chunks_break_off_is_asked_again(site: Site, scripted: Server) -> None:
    lands_nothing(site, scripted, chunked(WHOLE[:100], end=False))


@pytest.mark.parametrize(
    "reply",
    [
        bare(PACKED[: len(PACKED) // 2], GZIP),
        bare(PACKED[:-3], GZIP),
        http(PACKED[:-9], "200 OK", JSON, GZIP),
        http(PACKED[:40] + b"\0" * 40 + PACKED[80:], "200 OK", JSON, GZIP),
        http(WHOLE, "200 OK", JSON, GZIP),
        bare(WHOLE[:-2]),
        bare(gzip.compress(b"[1, 2]  \n" * 1)[:-8] + b"\0" * 8, GZIP),
    ],
    ids=["half", "no trailer", "cut trailer", "damaged", "no gzip", "cut plain text", "wrong checksum"],
)
def test_h23_a_compressed_body_is_read_to_its_end_or_not_at_all(site: Site, scripted: Server, reply: bytes) -> None:
    lands_nothing(site, scripted, reply)


@pytest.mark.parametrize(
    "reply",
    [
        drip(f"HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: 100000\r\n\r\n".encode(), b" "),
        drip(f"HTTP/1.1 200 OK\r\n{JSON}\r\n{GZIP}\r\n\r\n".encode() + gzip.compress(b"{}")[:10], b"\0\0\0\xff\xff"),
        drip(f"HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: 100000\r\n\r\n ".encode(), b""),
    ],
    ids=["plain", "gzip", "then silence"],
)
def test_h24_an_answer_that_drips_ends_at_the_total_deadline(scripted: Server, reply: Any) -> None:
    """In a real run three minutes."""
    assert Limits().total_seconds == 180
    asking = Asking(scripted(reply), limits=replace(TIGHT, read_seconds=60), retries=ONCE)
    started = time.monotonic()
    with pytest.raises(errors.TryAgain):
        asking.ask()
    assert 0.3 < time.monotonic() - started < 30  # before the read timeout


def test_h25_silence_ends_at_the_read_timeout_and_is_asked_again(scripted: Server) -> None:
    """In a real run a minute."""
    assert Limits().read_seconds == 60
    answered = threading.Event()
    server = scripted(lambda _connection: answered.wait(60), http(WHOLE))
    asking = Asking(server, limits=replace(TIGHT, read_seconds=0.15, total_seconds=600))
    try:
        assert asking.ask() == WHOLE
        assert len(server.requests) == 2
        assert not answered.is_set()
    finally:
        answered.set()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (http(b"{}", "200 OK", *(f"X-{n}: y" for n in range(10_000))), provider_errors.BadHttp),
        (http(b"{}", "200 OK", *(f"X-{n}: y" for n in range(600))), provider_errors.BadHttp),
        (http(b"{}", "200 OK", "X: " + "y" * 2**20), provider_errors.BadHttp),
        (b"nonsense\r\n\r\n", provider_errors.BadHttp),
        (b"HTTP/1.1 abc OK\r\n\r\n{}", provider_errors.BadHttp),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", provider_errors.BadHttp),
        (drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"), errors.TryAgain),
        (drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), errors.TryAgain),
    ],
    ids=[
        "10,000 headers",
        "600 headers",
        "1 MB header",
        "nonsense",
        "no status",
        "two lengths",
        "slow headers",
        "interim answers",
    ],
)
def test_h26_what_is_no_sane_http_ends_at_once_and_what_only_drips_at_the_deadline(
    scripted: Server, reply: Any, error: type[Exception]
) -> None:
    asking = Asking(scripted(reply), retries=None if error is provider_errors.BadHttp else ONCE)
    started = time.monotonic()
    with remembering_less_than(20), pytest.raises(error):
        asking.ask()
    assert time.monotonic() - started < 30  # what drips does so for ever
    assert len(asking.server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "limits", "error"),
    [
        (http(BOMB, "200 OK", JSON, GZIP), Limits(), provider_errors.TooLarge),
        (
            http(BOMB, "200 OK", JSON, GZIP),
            replace(Limits(), inflation=10**6, decoded_bytes=2**24),
            provider_errors.TooLarge,
        ),
        (
            http(gzip.compress(json.dumps(["x" * 40] * 50_000).encode(), 1), "200 OK", JSON, GZIP),
            TIGHT,
            provider_errors.TooLarge,
        ),
        (bare(gzip.compress(b'"' + b"0" * 4 * 2**20 + b'"'), GZIP), TIGHT, provider_errors.TooLarge),
        (http(TWICE, "200 OK", JSON, "Content-Encoding: gzip, gzip"), TIGHT, provider_errors.TooLarge),
        (http(TWICE, "200 OK", JSON, "Content-Encoding: gzip, gzip, br"), TIGHT, provider_errors.TooLarge),
        (http(b"{}", "200 OK", JSON, "Content-Encoding: br"), TIGHT, provider_errors.TooLarge),
        (http(TWICE, "200 OK", JSON, GZIP), TIGHT, provider_errors.BadJson),
    ],
    ids=[
        "bomb",
        "bomb to the cap",
        "ratio",
        "without length",
        "two codings",
        "three codings",
        "br",
        "packed in packed",
    ],
)
def test_h27_a_bomb_stops_at_the_cap_and_one_coding_alone_is_read(
    scripted: Server, reply: bytes, limits: Limits, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a real run 200 bytes for one, and 1 GiB: the catalogue's 256 MiB would refuse a month of a million rows, which
    has 566 MB. Of a quine, which unpacks to itself for ever, one layer is taken off, and that is no JSON."""
    assert (Limits().inflation, Limits().decoded_bytes) == (200, 2**30)
    asking = Asking(scripted(reply), limits=limits)
    inflated: list[int] = []
    monkeypatch.setattr(
        body, "zlib", SimpleNamespace(decompressobj=partial(CountingInflater, inflated), error=zlib.error)
    )
    with remembering_less_than(48), pytest.raises(error):
        asking.ask()
    asked = 2 if error is provider_errors.BadJson else 1
    assert len(asking.server.requests) == asked
    assert sum(inflated) <= asked * 2**20 + min(limits.decoded_bytes, 2**20 + limits.inflation * len(reply))


@pytest.mark.parametrize(
    "reply",
    [http(b'"' + b"x" * 200_000 + b'"'), bare(b'"' + b"x" * 300_000 + b'"'), http(b"{}", length=10**12)],
    ids=["large", "large without length", "announced"],
)
def test_h28_a_large_body_is_refused_from_its_head_or_at_the_cap(scripted: Server, reply: bytes) -> None:
    """The caps of a real run are 256 MiB on the wire and 1 GiB decoded: a month of a million rows has 566 MB."""
    asking = Asking(scripted(reply))
    with pytest.raises(provider_errors.TooLarge):
        asking.ask()
    assert len(asking.server.requests) == 1
