"""What is asked and what comes back: requests as declared, whole answers, pages, listings; the key stays in."""

import json
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from kit.asking import GZIP, JSON, KEY, ONCE, PACKED, WHOLE, Asking, Server, bare, chunked, http, page

from usage_ledger import __version__
from usage_ledger.core import contract_errors, errors, provider_errors
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.http.page import Call
from usage_ledger.http.retry import Retries
from usage_ledger.model import Cursor, Listing, Request
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.sources.listing import list_things

PAGING = Cursor("nextPageToken", "pageToken")


def test_the_request_carries_the_key_as_declared_and_says_who_asks(scripted: Server) -> None:
    server = scripted(http())
    with Asking(server).client as client:
        query = (("groupBy", ("a", "b.c")), ("timezone", "America/Los_Angeles"), ("q", "a&b#c d"))
        answer = client.ask(Call("/v1/x", query))
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
    assert (answer.status, answer.body, answer.call.path) == (200, b"{}", "/v1/x")
    assert datetime.now(UTC) - answer.requested_at < timedelta(seconds=10)


def test_requests_of_one_account_are_spaced_by_its_allowance(scripted: Server) -> None:
    server = scripted(http())
    waits: list[float] = []
    slow = replace(FIREWORKS, requests_per_minute=6)
    for _ in range(3):
        with Client(
            slow, base_url=server.url, credential=Credential(KEY), account="paced", sleep=waits.append
        ) as client:
            client.ask(Call("/v1/x"))
    assert [round(wait) for wait in waits] == [10, 20]


def test_waits_grow_with_full_jitter_up_to_the_cap() -> None:
    retries = Retries(base=1, cap=20)
    for attempt, most in ((1, 1), (3, 4), (9, 20)):
        drawn = [retries.wait(attempt, throttled=False) for _ in range(300)]
        assert 0 <= min(drawn) < most * 0.2
        assert most * 0.8 < max(drawn) <= most


def test_waits_without_any_header_outlast_a_limit_per_minute() -> None:
    for _ in range(300):
        waits = [Retries().wait(attempt, throttled=True) for attempt in (1, 2, 3)]
        assert waits[0] <= 5
        assert 62 < sum(waits) < 120


@pytest.mark.parametrize(("factor", "expected"), [("", 7.14), ("0", 0.0), ("0.5", 3.57), ("x", 7.14), ("-1", 7.14)])
def test_the_retry_scale_multiplies_every_wait(
    scripted: Server, monkeypatch: pytest.MonkeyPatch, factor: str, expected: float
) -> None:
    monkeypatch.setenv("USAGE_LEDGER_RETRY_SCALE", factor)
    asking = Asking(scripted(http("{}", "429 Slow", "Retry-After: 7"), http()))
    asking.ask()
    assert sum(asking.waits) == pytest.approx(expected, abs=0.01)


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


@pytest.mark.parametrize("last", [page(), page(""), http('{"nextPageToken": null}')])
def test_an_absent_null_or_empty_token_ends_the_pages(scripted: Server, last: bytes) -> None:
    server = scripted(last)
    assert len(Asking(server).pages()) == len(server.requests) == 1


def test_a_report_without_paging_is_one_page(scripted: Server) -> None:
    server = scripted(page("more"))
    assert len(Asking(server).pages(None)) == len(server.requests) == 1


@pytest.mark.parametrize("body", ['{"nextPageToken": 7}', '{"nextPageToken": {"a": 1}}', "[]", "7", '"text"', "null"])
def test_a_page_of_another_shape_is_refused_as_such(scripted: Server, body: str) -> None:
    with pytest.raises(contract_errors.Shape):
        Asking(scripted(http(body))).pages()


ACCOUNTS = Listing(Request("/v1/accounts"), "accounts", "name", "account", PAGING, optional=True)


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
        assert [thing.labels["account"] for _, things in list_things(client, ACCOUNTS) for thing in things] == ids


def test_a_listing_that_is_no_list_is_refused(scripted: Server) -> None:
    with Asking(scripted(http('{"accounts": {"name": "x"}}'))).client as client, pytest.raises(contract_errors.Shape):
        list(list_things(client, ACCOUNTS))


@pytest.mark.parametrize("status", ["200 OK", "400 Bad", "401 No", "403 No", "429 Slow", "500 Oops", "302 Found"])
def test_a_key_that_the_provider_echoes_is_in_no_answer_and_no_error(scripted: Server, status: str) -> None:
    echo = json.dumps({"message": f"bad key {KEY}", "cut": f"{KEY[:15]}…", "nextPageToken": f"t{KEY}"})
    server = scripted(http(echo, status, JSON, f"Location: https://x.example/{KEY}", f"X-Echo: {KEY}"))
    asking = Asking(server, retries=ONCE)
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
    with pytest.raises((errors.TryAgain, provider_errors.BadHttp)) as caught:
        Asking(scripted(reply), retries=ONCE).ask()
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in repr(Asking(scripted(reply)).client.__dict__)
