"""What a page must say of itself to be whole, as its report declares: looked at before its load is committed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from kit.answering import Account, Answer

from usage_ledger.core import contract_errors, provider_errors
from usage_ledger.core.errors import ConfigError, UsageLedgerError
from usage_ledger.http.page import Call, Page
from usage_ledger.json import parts as json_parts
from usage_ledger.json.packed import Packed
from usage_ledger.model import AnyMark, Cursor, EachOf, Echo, Fewer, HttpPages, Mark, Request
from usage_ledger.providers import PROVIDERS
from usage_ledger.reading.marks import require_marks
from usage_ledger.storage.landing import landed_folders

DAY = date(2026, 11, 10)
Make = Callable[..., Account]


def marked(account: Make, monkeypatch: pytest.MonkeyPatch, *marks: AnyMark) -> Account:
    """OpenRouter, as if its activity had these marks."""
    provider = PROVIDERS["openrouter"]
    activity = replace(provider.report("activity"), marks=marks)
    monkeypatch.setitem(PROVIDERS, "openrouter", replace(provider, reports=(activity,)))
    one = account("openrouter")
    one.server.answers["/key"] = Answer({"data": {"is_management_key": True}})
    return one


COMPLETE = Mark("job/complete", is_=True)
NOT_TOLD = Mark("unreachable", absent=True, otherwise="refuse")


@pytest.mark.parametrize(
    ("mark", "more"),
    [
        (COMPLETE, {}),
        (COMPLETE, {"job": None}),
        (COMPLETE, {"job": {"complete": False}}),
        (COMPLETE, {"job": {"complete": "true"}}),
        (COMPLETE, {"job": {"complete": 1}}),
        (replace(NOT_TOLD, otherwise="again"), {"unreachable": ["eu-west"]}),
    ],
)
def test_a_page_that_does_not_say_that_it_is_whole_is_asked_for_again_and_never_landed(
    account: Make, monkeypatch: pytest.MonkeyPatch, mark: Mark, more: Any
) -> None:
    one = marked(account, monkeypatch, mark)
    one.server.answers["/activity"] = Answer({"data": [], **more})
    [failure] = one.run(DAY).failures
    assert type(failure) is provider_errors.NotWhole
    assert f"`{mark.path}`" in failure.what
    assert one.server.count("/activity") == 2
    assert one.days("activity") == {DAY: "failed"}
    assert list(landed_folders(one.root, "openrouter", one.connection_id)) == []


def test_a_page_that_its_mark_refuses_is_asked_for_once(account: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = marked(account, monkeypatch, NOT_TOLD)
    one.server.answers["/activity"] = Answer({"data": [], "unreachable": ["eu-west"]})
    [failure] = one.run(DAY).failures
    assert type(failure) is contract_errors.ContractBroken
    assert "eu-west" in failure.what
    assert one.server.count("/activity") == 1


@pytest.mark.parametrize("more", [{}, {"unreachable": None}, {"unreachable": []}])
def test_a_page_with_its_marks_is_taken_and_they_are_no_news(
    account: Make, monkeypatch: pytest.MonkeyPatch, more: Any
) -> None:
    one = marked(account, monkeypatch, COMPLETE, NOT_TOLD)
    one.server.answers["/activity"] = Answer({"data": [], "job": {"complete": True}, **more})
    assert one.run(DAY).failures == []
    assert one.days("activity") == {DAY: "empty"}
    assert one.events() == []


def test_a_mark_says_something() -> None:
    with pytest.raises(ConfigError, match="declare `is_`, `absent` or both"):
        Mark("job/complete")


@pytest.mark.parametrize("more", [{"job": None}, {"job": {"complete": True}}, {}])
def test_a_mark_may_accept_a_value_and_its_absence(more: Any) -> None:
    mark = replace(COMPLETE, absent=True)
    assert outcome(more, mark) is None
    assert outcome({"job": {"complete": False}}, mark) is provider_errors.NotWhole


STATUS = Mark("results/*/status", is_="Complete", while_more="Partial", otherwise="refuse")
LIMIT = Fewer("results", 3)
SERIES = Fewer("results/*/series", 2)
SPAN = Echo("span", "timespan")
NAMES = EachOf("results/*/name", "date")


@pytest.mark.parametrize("results", [[], [{"name": "2026-11-11"}], [{}], [{"name": None}], None])
def test_a_page_that_leaves_out_what_was_asked_for_is_asked_for_again(
    account: Make, monkeypatch: pytest.MonkeyPatch, results: Any
) -> None:
    one = marked(account, monkeypatch, NAMES)
    one.server.answers["/activity"] = Answer({"data": [], "results": results})
    [failure] = one.run(DAY).failures
    assert type(failure) is provider_errors.NotWhole
    assert f"`results/*/name` is nowhere {DAY}" in failure.what
    one.server.answers["/activity"] = Answer({"data": [], "results": [{"name": "x"}, {"name": str(DAY)}]})
    assert one.run(DAY).failures == []


CALL = Call("/x")


def packed(document: Any) -> Packed:
    one = Packed()
    one.add(json.dumps(document).encode())
    one.close()
    return one


def outcome(document: Any, *marks: AnyMark, large: bool = False, call: Call = CALL) -> type[Exception] | None:
    """How a page with that document fares; a large one comes packed."""
    body = json.dumps(document).encode()
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw]) if body.startswith(b"{") else {}
    if large:
        fields = {name: value for name, value in fields.items() if not bytes(value).startswith(b"[")}
    report = replace(PROVIDERS["openrouter"].report("activity"), marks=marks, source=SOURCE)
    try:
        require_marks(report, Page(call, packed(document) if large else body, 200, datetime.now(UTC), fields=fields))
    except UsageLedgerError as error:
        return type(error)
    return None


SOURCE = HttpPages(Request("/x"), Cursor("next", "token"))
AGAIN, REFUSED = provider_errors.NotWhole, contract_errors.ContractBroken


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    ("mark", "document", "kind"),
    [
        (STATUS, {"results": [{"status": "Complete"}, {"status": "Complete"}]}, None),
        (STATUS, {"results": []}, None),
        (STATUS, {"results": [{"status": "Complete"}, {"status": "Partial"}], "next": "t"}, None),
        (STATUS, {"results": [{"status": "Complete"}, {"status": "Partial"}]}, REFUSED),
        (STATUS, {"results": [{"status": "Complete"}, {"status": "Partial"}], "next": ""}, REFUSED),
        (STATUS, {"results": [{"status": "Error"}, {"status": "Complete"}], "next": "t"}, REFUSED),
        (STATUS, {"results": [{"status": "Complete"}, {}]}, AGAIN),
        (STATUS, {"results": [{"status": "Complete"}, 7]}, AGAIN),
        (STATUS, {"results": {"status": "Complete"}}, AGAIN),
        (STATUS, {"results": None}, AGAIN),
        (STATUS, {"other": []}, AGAIN),
        (STATUS, [{"status": "Complete"}], AGAIN),
        (LIMIT, {"results": [{}, {}]}, None),
        (LIMIT, {"results": [{}, {}, {}]}, REFUSED),
        (LIMIT, {"other": [1]}, AGAIN),
        (LIMIT, {"results": None}, AGAIN),
        (SERIES, {"results": [{"series": [1]}, {"series": []}]}, None),
        (SERIES, {"results": [{"series": [1]}, {"series": [1, 2]}]}, REFUSED),
        (SERIES, {"results": [{"series": [1]}, {}]}, AGAIN),
        (Mark("results/*/error", absent=True), {"results": [{}, {"error": None}, {"error": ""}]}, None),
        (Mark("results/*/error", absent=True), {"results": [{}, {"error": "x"}]}, AGAIN),
    ],
)
def test_every_element_of_a_list_has_its_marks(mark: AnyMark, document: Any, kind: Any, large: bool) -> None:
    assert outcome(document, mark, large=large) is kind


def test_a_list_that_comes_in_parts_is_counted_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"results": [{"status": "Complete", "series": [n]} for n in range(100)], "span": "x"}
    monkeypatch.setattr(json_parts, "PART", 64)
    whole = Packed.chunks

    def in_pieces(packed: Packed) -> Iterator[bytes]:
        body = b"".join(whole(packed))
        return (body[at : at + 50] for at in range(0, len(body), 50))

    monkeypatch.setattr(Packed, "chunks", in_pieces)
    limit = Fewer("results", 101)
    assert outcome(document, STATUS, SERIES, limit, large=True) is None
    assert outcome(document, replace(limit, than=100), large=True) is REFUSED
    assert len([*json_parts.parts(in_pieces(packed(document)))]) > 20
    document["results"][70]["status"] = "Error"
    assert outcome(document, STATUS, large=True) is REFUSED


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("2026-11-20T00:00:00Z/2026-11-21T00:00:00Z", None),
        ("2026-11-20T00:00:00.000+00:00/2026-11-21T00:00:00Z", None),
        ("2026-11-20T00:00:00Z/2026-11-20T23:00:00Z", AGAIN),
        ("2026-11-20T00:00:00Z", AGAIN),
        ("2026-11-20T00:00:00/2026-11-21T00:00:00", AGAIN),
        ("", AGAIN),
        (None, AGAIN),
    ],
)
def test_an_answer_is_about_what_was_asked_for(value: Any, kind: Any) -> None:
    asked = Call("/x", (("timespan", "2026-11-20T00:00:00Z/2026-11-21T00:00:00Z"), ("top", "10")))
    assert outcome({"span": value}, SPAN, call=asked) is kind
    assert outcome({"top": 10}, Echo("top", "top"), call=asked) is None
    assert outcome({"top": 11}, Echo("top", "top", otherwise="refuse"), call=asked) is REFUSED
    posted = Call("/x", method="POST", body=json.dumps({"query": {"from": 5}}))
    assert outcome({"a": {"from": 5}}, Echo("a/from", "query/from"), call=posted) is None
    assert outcome({"a": {"from": "5"}}, Echo("a/from", "query/from"), call=posted) is AGAIN
    assert outcome({"span": "x"}, SPAN, call=posted) is ConfigError


def test_marks_of_lists_that_no_row_is_read_from_are_no_news(account: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = Mark("results/*/state", is_="ok"), Mark("data/*/state", absent=True), Fewer("warnings", 9), Fewer("data", 9)
    one = marked(account, monkeypatch, *marks)
    one.server.answers["/activity"] = Answer({"data": [], "results": [{"state": "ok"}], "warnings": [{"a": 1}]})
    assert one.run(DAY).failures == []
    assert one.days("activity") == {DAY: "empty"}
    assert one.events() == []


def test_a_mark_changes_no_declaration() -> None:
    activity = PROVIDERS["openrouter"].report("activity")
    assert replace(activity, marks=(COMPLETE,)).declaration() == activity.declaration()
