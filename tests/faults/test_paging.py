"""Faults of paging: every page is read once, or the window fails."""

import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from kit.asking import ONCE, TIGHT, Asking, Server, http, page
from kit.provider_site import DAY, FIRST, LAST, USAGE, Site

from usage_ledger.core import contract_errors, provider_errors
from usage_ledger.http.body import Limits


def answered(number: int, rows: int, token: str = "", model: str = "m") -> bytes:
    """A page with this many rows of serverless use, each of its own model."""
    bounds = {"startTime": f"{FIRST}T00:00:00Z", "endTime": f"{LAST}T00:00:00Z"}
    counts = {"promptTokens": "1", "completionTokens": "1"}
    found = [
        {**bounds, **counts, "group": {"model_name": f"{model}{number}-{n}", "api_key_id": "k"}} for n in range(rows)
    ]
    return page(token or None, serverlessCosts=found)


def run(site: Site, url: str) -> BaseException | None:
    ran = site.run(url=url, first=FIRST, last=FIRST, reports=("usage",))
    failures = [error for error in ran.failures if error.report == "usage"]
    return failures[0] if failures else None


@pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]])
def test_p1_a_token_that_repeats_ends_in_an_error(scripted: Server, tokens: list[str]) -> None:
    asking = Asking(scripted(*map(page, tokens)))
    with pytest.raises(contract_errors.ContractBroken, match="token"):
        asking.pages()
    assert len(asking.server.requests) == len(tokens)


@pytest.mark.parametrize("token", ["7", "true", '{"a": 1}', '["x"]'])
def test_p2_a_token_that_is_no_text_is_an_error(scripted: Server, token: str) -> None:
    """Of the providers so far none says `has_more` beside its token; what stands where the token should is checked."""
    asking = Asking(scripted(http('{"nextPageToken": %s, "serverlessCosts": []}' % token)))  # noqa: UP031
    with pytest.raises(contract_errors.Shape, match="nextPageToken"):
        asking.pages()


@pytest.mark.parametrize(
    ("limits", "requests"), [(TIGHT, 5), (replace(TIGHT, pages=1000, all_bytes=2500), 3)], ids=["pages", "bytes"]
)
def test_p3_endless_pages_end_at_the_limit_of_pages_or_bytes(scripted: Server, limits: object, requests: int) -> None:
    """In a real run 10,000 pages or 4 GiB: the catalogue's 256 MiB are fewer than one page may have (H27)."""
    assert (Limits().pages, Limits().all_bytes) == (10_000, 4 * 2**30)
    asking = Asking(scripted(*(page(f"t{n}", pad="x" * 1000) for n in range(50))), limits=limits)  # type: ignore[arg-type]
    with pytest.raises(provider_errors.TooLarge):
        asking.pages()
    assert len(asking.server.requests) == requests


def own(site: Site) -> bytes:
    """The list that says whose the key is: asked for once, before the pages."""
    return page(accounts=[{"name": f"accounts/{site.name}"}])


@pytest.mark.parametrize(
    ("last", "error"),
    [(answered(0, 2), contract_errors.DuplicateRow), (answered(0, 2), contract_errors.ConflictingRows)],
)
def test_p4_a_row_on_two_pages_is_never_counted_twice(
    site: Site, scripted: Server, last: bytes, error: type[Exception]
) -> None:
    """The window fails, whole; the next run asks for all pages anew. It is not asked again within the same task: what
    moved once between pages may well do so a second later."""
    if error is contract_errors.ConflictingRows:
        last = last.replace(b'"promptTokens": "1"', b'"promptTokens": "2"')
    server = scripted(own(site), answered(0, 2, "t1"), last)
    assert isinstance(run(site, server.url), error)
    assert site.tokens() == {}
    assert run(site, scripted(own(site), answered(0, 2, "t1"), answered(1, 2)).url) is None
    assert site.tokens() == {FIRST: 4}


def test_p5_an_empty_page_in_the_middle_is_no_end(site: Site, scripted: Server) -> None:
    server = scripted(own(site), answered(0, 2, "t1"), page("t2", serverlessCosts=[]), page("t3"), answered(3, 2))
    assert run(site, server.url) is None
    assert len([request for request in server.requests if b"billingUsage" in request]) == 4
    assert site.tokens() == {FIRST: 4}


def test_p6_a_page_that_fails_for_good_fails_the_window_and_merges_nothing(site: Site, scripted: Server) -> None:
    assert run(site, scripted(own(site), answered(0, 5)).url) is None
    server = scripted(own(site), *(answered(n, 2, f"t{n}") for n in range(6)), http("{}", "500 Oops"))
    assert isinstance(run(site, server.url), provider_errors.ProviderDown)
    assert site.tokens() == {FIRST: 5}
    manifests = {path.parent for path in site.root.rglob("manifest.json")}
    assert {path.parent for path in site.root.rglob("page-00005.json.zst")} & manifests == set()


def test_p7_a_token_is_sent_as_one_encoded_parameter_whatever_it_holds(scripted: Server) -> None:
    """Providers that answer with a link to the next page come with their own check of its host."""
    hostile = "a&b#c/../%2e=?\r\n " + "x" * 10_000
    asking = Asking(scripted(page(hostile, n=1), page("t2", n=2), page("", n=3)))
    assert [json.loads(body)["n"] for body in asking.pages()] == [1, 2, 3]
    asked = [parse_qs(urlsplit(request.split(b" ")[1].decode()).query) for request in asking.server.requests]
    assert asked == [
        {"pageSize": ["2"]},
        {"pageSize": ["2"], "pageToken": [hostile]},
        {"pageSize": ["2"], "pageToken": ["t2"]},
    ]
    assert all(request.startswith(b"GET /v1/x?") for request in asking.server.requests)


def test_p8_a_page_size_that_the_provider_ignores_works(scripted: Server) -> None:
    asking = Asking(scripted(page("t1", items=list(range(50))), page(items=[1])), retries=ONCE)
    assert [len(json.loads(body)["items"]) for body in asking.pages()] == [50, 1]


def test_what_was_read_before_stands_when_a_later_window_fails(site: Site) -> None:
    assert site.run(first=FIRST, last=FIRST, reports=("usage",)).failures == []
    before = site.tokens()
    site.provider.answers[USAGE] = (500, b"{}")
    site.run(first=FIRST, last=LAST + DAY, reports=("usage",))
    assert site.tokens() == before
