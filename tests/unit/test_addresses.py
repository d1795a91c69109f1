"""E-mail addresses become pseudonyms wherever a value is not read; what is read, and all else, keeps its bytes."""

import json
import time
from typing import Any

import pytest

from usage_ledger.core.pseudonym import hide_addresses, pseudonym
from usage_ledger.json.packed import Packed
from usage_ledger.json.scrub import Keep, Scrubber

PAT = "pat.doe+x@mail.example.com"
READ = ("items/*/id", "items/*/group/model", "items/*/tags", "next")


@pytest.fixture(autouse=True, scope="module")
def key() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("USAGE_LEDGER_PSEUDONYM_KEY", "x" * 32)
        yield


def packed(*chunks: bytes) -> Packed:
    body = Packed()
    for chunk in chunks:
        body.add(chunk)
    body.close()
    return body


def hidden(body: bytes) -> bytes:
    return bytes(Scrubber(read=READ).scrub(body))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PAT, "{}"),
        (f"  <{PAT.upper()}>, asked", "  <{}>, asked"),
        (f"mailto:{PAT}?subject=x", "mailto:{}?subject=x"),
        (f"https://example.com/u/{PAT.replace('@', '%40')}/x", "https://example.com/u/{}/x"),
        (f'{{"email":"{PAT}"}}', '{{"email":"{}"}}'),
        (PAT.replace("@", "\\u0040"), "{}"),
        (f"{PAT} {PAT}.", "{} {}."),
    ],
)
def test_an_address_in_any_text_is_replaced_by_the_pseudonym_of_that_person(text: str, expected: str) -> None:
    person = pseudonym(PAT)
    assert hide_addresses(text) == expected.replace("{{", "{").replace("}}", "}").replace("{}", person)


@pytest.mark.parametrize("text", ["", "claude-sonnet@20250101", "a @ b.c", "package@1.2.3", "@handle", "x@y", "50%40"])
def test_what_is_no_address_stays(text: str) -> None:
    assert hide_addresses(text) == text


@pytest.mark.parametrize(("text", "end"), [("a", "@"), ("@", ""), ("a@b.", ""), ("%40", ""), ("a.@", "")])
def test_long_texts_take_a_linear_time(text: str, end: str) -> None:
    """Ten times the text takes ten times as long, not a hundred times."""

    def seconds(size: int) -> float:
        long = text * (size // len(text)) + end
        started = time.process_time()
        hide_addresses(long)
        hidden(json.dumps({"x": long, "y": PAT}).encode())
        return time.process_time() - started

    seconds(1000)
    assert seconds(10**6) < 40 * seconds(10**5)


ESCAPED = PAT.replace("@", "\\u0040").replace("p", "\\u0070")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (f'{{"items":[{{"id":"1","new":"{PAT}"}}]}}', "items.new"),
        (f'{{"items":[{{"id":"1","new":"{ESCAPED}"}}]}}', "items.new"),
        (f'{{"items":[{{"id":"1","new":{{"a":[{{"b":"to {PAT}"}}]}}}}]}}', "items.new"),
        (f'{{"items":[{{"id":"1","{PAT}":7}}]}}', "items.*"),
        (f'{{"items":[{{"id":"1","new":{{"{ESCAPED}":7}}}}]}}', "items.new"),
        (f'{{"items":[{{"id":{{"of":"{PAT}"}}}}]}}', "items.id.of"),
        (f'{{"items":[{{"group":"{PAT}"}}]}}', "items.group"),
        (f'{{"items":[{{"tags":{{"owner":"{PAT}"}}}}]}}', "items.tags.owner"),
        (f'{{"items":"{PAT}"}}', "items"),
        (f'{{"message":"no {PAT}"}}', "message"),
        (f'["{PAT}"]', ""),
        (f'"{PAT}"', ""),
    ],
)
def test_no_address_is_left_where_nothing_is_read(body: str, place: str) -> None:
    scrubber = Scrubber(read=READ)
    text = bytes(scrubber.scrub(body.encode()))
    assert PAT not in json.dumps(json.loads(text))
    assert pseudonym(PAT) in json.dumps(json.loads(text))
    assert scrubber.replaced == [place]


def test_what_is_read_and_all_else_keeps_its_bytes() -> None:
    row = f'{{"id":"{PAT}","group":{{"model":"m@v1.x"}},"n":1.10,"big":9007199254740993,"t":"\\u00e9"'
    body = f'{{"items":[{row},"new":"{PAT}"}},{row}}}],"next":"{PAT}"}}'
    assert hidden(body.encode()).decode() == body.replace(f'"new":"{PAT}"', f'"new":"{pseudonym(PAT)}"')


@pytest.mark.parametrize("body", ['{ "items" : [ {"id" : "pat@example.com"} ] }', '\ufeff{ "x": "a@b" }', "[1, 2 ]"])
def test_a_document_without_an_address_is_landed_as_sent(body: str) -> None:
    sent = body.encode()
    assert Scrubber(read=READ).scrub(sent) is sent
    large = packed(sent)
    assert Scrubber(read=READ).scrub(large) is large


@pytest.mark.parametrize("sign", [b"@", b"\\u0040", b"%40"])
def test_a_large_document_is_scrubbed_in_parts_wherever_its_chunks_are_cut(
    monkeypatch: pytest.MonkeyPatch, sign: bytes
) -> None:
    monkeypatch.setattr("usage_ledger.json.scrub.PART", 100)
    rows = b",".join(b'{"id":"pat@example.com","n":%d}' % number for number in range(50)).replace(b"@", b" at ")
    body = b'{"items":[' + rows + b',{"new":"pat.doe' + sign + b'example.com"}],"next":"x"}'
    whole = json.loads(body.replace(b"pat.doe" + sign + b"example.com", pseudonym("pat.doe@example.com").encode()))
    at = body.index(b"pat.doe") + len(b"pat.doe")
    for cut in range(at, at + len(sign) + 1):
        assert json.loads(bytes(Scrubber(read=READ).scrub(packed(body[:cut], body[cut:])))) == whole


def test_of_a_list_of_people_only_declared_fields_are_kept() -> None:
    keep = Keep(whole=frozenset({"data/*/id", "data/*/tags", "more"}), scalars=frozenset({"data/*/role", "data/*/by"}))
    person = {"id": 1, "tags": {"a": [2]}, "role": "x", "by": {"name": "Pat"}, "user": {"email": PAT, "name": "Pat"}}
    scrubber = Scrubber(keep=keep, cut=("data/*/other/x",))
    body = json.dumps({"data": [person, {"id": 2, "role": ["Pat"], "other": {"y": 1}}], "more": True, "Pat": 1})
    assert json.loads(bytes(scrubber.scrub(body.encode()))) == {
        "data": [{"id": 1, "tags": {"a": [2]}, "role": "x", "by": {}}, {"id": 2, "role": ["Pat"], "other": {}}],
        "more": True,
    }
    assert scrubber.dropped == ["Pat", "data.other.y", "data.user"]
