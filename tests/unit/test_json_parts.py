"""A large document in parts is the document: every element, as sent, once; what is no JSON is refused as a whole is."""

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from usage_ledger.core.contract_errors import Shape
from usage_ledger.json import document
from usage_ledger.json.parts import parts
from usage_ledger.json.places import MOST, Place, WrongPlace, parts_at
from usage_ledger.json.text import BOM, plain
from usage_ledger.json.whole import Parts

SIGNS = (
    "},",
    "}]",
    '"',
    "\\",
    "[{",
    "},{",
    "\\u007d,",
    "",
    "\0",
    "\x1f",
    "é",
    "\u2028",
    "\uffff",
    "😀",
    "a",
    "model",
    "7",
)
"""What a search for the end of a row could take for it, and characters of each length."""


def text_of(drawn: random.Random) -> str:
    if drawn.random() < 0.2:
        return "".join(map(chr, drawn.choices(range(0xD800), k=drawn.randint(0, 12))))
    return "".join(drawn.choices(SIGNS, k=drawn.randint(0, 4)))


def value_of(drawn: random.Random, depth: int = 3) -> Any:
    """Any JSON value, at most `depth` lists or objects deep."""
    match drawn.randrange(7 if depth else 5):
        case 0:
            return drawn.choice((None, True, False))
        case 1:
            return drawn.choice((0, -1, 2**63, drawn.randint(-(2**70), 2**70)))
        case 2:
            return f"{drawn.randint(-(10**12), 10**12)}e{drawn.randint(-30, 30)}"
        case 3 | 4:
            return text_of(drawn)
        case 5:
            return [value_of(drawn, depth - 1) for _ in range(drawn.randint(0, 4))]
        case _:
            return {text_of(drawn): value_of(drawn, depth - 1) for _ in range(drawn.randint(0, 4))}


def rows_of(drawn: random.Random) -> list[Any]:
    return [
        {text_of(drawn): value_of(drawn, 2) for _ in range(drawn.randint(0, 4))}
        for _ in range(drawn.choice((0, 1, 2, drawn.randint(0, 30))))
    ]


def document_of(drawn: random.Random) -> Any:
    """An object of lists of rows and other values, or a list of rows."""
    if drawn.random() < 0.3:
        return rows_of(drawn)
    return {
        text_of(drawn): rows_of(drawn) if drawn.random() < 0.6 else value_of(drawn) for _ in range(drawn.randint(0, 5))
    }


def cut(body: bytes, seed: float) -> list[bytes]:
    """The body as a network might bring it."""
    drawn = random.Random(seed)  # noqa: S311  no secrets
    found = []
    while body:
        size = drawn.randint(1, 40)
        found.append(body[:size])
        body = body[size:]
    return found


def joined(found: list[bytes]) -> Any:
    """The parts laid end to end."""
    whole: Any = None
    for part in map(json.loads, found):
        if whole is None:
            whole = part
        elif isinstance(whole, list):
            whole += part
        else:
            for key, value in part.items():
                assert key not in whole or isinstance(value, list)
                whole[key] = whole[key] + value if key in whole else value
    return whole


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("size", [1, 20, 100, 1000])
def test_the_parts_laid_end_to_end_are_the_document(size: int, indent: int | None) -> None:
    for seed in random.SystemRandom().sample(range(2**32), 100):
        document = document_of(random.Random(seed))  # noqa: S311  no secrets
        body = json.dumps(document, indent=indent, ensure_ascii=seed % 2 == 0).encode()
        assert joined(list(parts(cut(body, seed), size))) == document, seed


def spoiled_by(drawn: random.Random, body: bytes) -> bytes:
    """The body without a byte, with another or one more, or cut off."""
    at, other = drawn.randrange(len(body)), drawn.choice(OTHERS)
    before, after = body[:at], body[at + 1 :]
    return drawn.choice((before + after, before + other + after, before + other + body[at:], before))


OTHERS = [bytes([byte]) for byte in b'{}[],:"x1 ']


@pytest.mark.parametrize("size", [1, 20, 100])
def test_what_is_no_json_is_refused_in_parts_as_it_is_whole(size: int) -> None:
    refused = 0
    for seed in random.SystemRandom().sample(range(2**32), 400):
        drawn = random.Random(seed)  # noqa: S311
        spoiled = plain(spoiled_by(drawn, json.dumps(document_of(drawn)).encode()))
        try:
            expected = msgspec.json.decode(spoiled)
        except (msgspec.DecodeError, UnicodeDecodeError):
            refused += 1
            with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
                for part in parts(cut(spoiled, seed), size):
                    msgspec.json.decode(part)
                pytest.fail(f"seed {seed} was read")
            continue
        if isinstance(expected, dict) and len(json.loads(spoiled, object_pairs_hook=list)) != len(expected):
            continue  # a key came twice: another test's matter
        assert joined(list(parts(cut(spoiled, seed), size))) == json.loads(spoiled), seed
    assert 40 < refused < 400


def test_a_part_holds_whole_rows_and_about_as_many_bytes_as_asked() -> None:
    row = {"model": "},{", "group": {"a": "[", "b": {"c": 1}}, "n": "7"}
    body = json.dumps({"rows": [row] * 2000, "next": "x"}).encode()
    found = list(parts([body[n : n + 64] for n in range(0, len(body), 64)], 10_000))
    assert len(found) > len(body) / 12_000
    assert max(map(len, found)) < 11_000
    assert json.loads(found[-1]) == {"next": "x"}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"rows": [' + b'{"n": 1}, ' * 50 + b'{"n": x}]}', 511),
        (b'{"rows": [' + b'{"n": 1}, ' * 50 + b'], "b": 1}', 510),
        (b'{"rows": [' + b'{"n": 1}, ' * 50 + b'{"n": 1}]} {', 521),
        (b'{"rows": [{"n": 1}], "other": 1, "rows": [{"n": 1}], "last": "' + b"x" * 100 + b'"}', 40),
    ],
)
def test_the_place_of_what_is_wrong_is_that_in_the_whole_document(body: bytes, place: int) -> None:
    with pytest.raises(msgspec.DecodeError, match=r"\(byte (\d+)\)") as caught:
        list(parts([body[n : n + 7] for n in range(0, len(body), 7)], 40))
    assert abs(int(str(caught.value).split("(byte ")[1][:-1]) - place) <= 6, caught.value


def test_a_byte_order_mark_and_half_a_character_are_read_as_elsewhere() -> None:
    body = b'\xef\xbb\xbf{"rows": [' + b'{"n": "\\ud800"}, ' * 50 + b'{"n": "\\ud83d\\ude00"}]}'
    assert joined(list(parts(cut(body, 1), 100))) == {"rows": [{"n": "\0"}] * 50 + [{"n": "😀"}]}


def test_a_list_that_is_no_utf_8_is_a_broken_answer() -> None:
    with pytest.raises(Shape, match="the list cannot be read"):
        document.document_of(b'{"data\xe9": []}', "the list")


# Places


def body_of(drawn: random.Random) -> bytes:
    """A document in any way of writing: with blanks anywhere, a byte order mark, halves of characters in its texts."""
    document = document_of(drawn)
    if isinstance(document, dict):  # halves of characters in its own keys are refused
        document = {key.replace("model", "kind"): value for key, value in document.items()}
    body = json.dumps(
        document,
        indent=drawn.choice((None, 1)),
        ensure_ascii=drawn.random() < 0.5,
        separators=drawn.choice((None, (",", ":"), (" , ", " : "))),
    ).encode()
    if drawn.random() < 0.5:
        body = body.replace(b"model", rb"\ud83d")
    blanks = drawn.choices((b"", b" ", b"\r\n\t"), k=2)
    return drawn.choice((b"", BOM)) + blanks[0] + body + blanks[1]


drawings = st.randoms(use_true_random=False)
sizes = st.sampled_from((1, 20, 100, 1000))


@given(drawn=drawings, size=sizes)
def test_what_is_sliced_at_the_places_of_parts_is_the_parts(drawn: random.Random, size: int) -> None:
    body, seed, places = body_of(drawn), drawn.random(), list[Place]()
    expected = list(parts(cut(body, seed), size, places))
    if places:
        assert list(parts_at(places, cut(body, seed + 1))) == expected
    else:
        assert expected == [plain(body)] or (expected == [b"{}"] and not json.loads(plain(body)))


@given(drawn=drawings, size=sizes, sign=st.sampled_from((1, -1)), name=st.sampled_from(("first", "end")))
def test_a_place_that_is_off_by_one_loses_nothing_in_silence(
    drawn: random.Random, size: int, sign: int, name: str
) -> None:
    body, places = body_of(drawn), list[Place]()
    expected = list(parts(cut(body, 1), size, places))
    assume(places)
    number = drawn.randrange(len(places))
    off = msgspec.structs.replace(places[number], **{name: getattr(places[number], name) + sign})
    try:
        shifted = list(parts_at([*places[:number], off, *places[number + 1 :]], cut(body, 2)))
        assert joined(shifted) == joined(expected)
    except (WrongPlace, ValueError):  # or no JSON
        pass


BODY = BOM + b' {"a": [ {"n": 1}, {"n": "\\ud800"} ] , "b" :{"c": [7]} ,"d":[],"e":"x" }\n'


def places_of(body: bytes) -> list[Place]:
    places: list[Place] = []
    list(parts([body[n : n + 5] for n in range(0, len(body), 5)], 12, places))
    return places


def test_places_are_of_keys_lists_and_values() -> None:
    assert [(kind, BODY[first:end]) for kind, first, end in map(msgspec.structs.astuple, places_of(BODY))] == [
        ("key", b'"a"'),
        ("list", b' {"n": 1}'),
        ("list", b'{"n": "\\ud800"} '),
        ("key", b'"b"'),
        ("value", b'{"c": [7]} '),
        ("key", b'"d"'),
        ("list", b""),
        ("key", b'"e"'),
        ("value", b'"x" '),
    ]
    assert list(parts_at(places_of(BODY), [BODY])) == [
        b'{"a":[ {"n": 1}]}',
        b'{"a":[{"n": "\\u0000"} ]}',
        b'{"d":[]}',
        b'{"b":{"c": [7]} ,"e":"x" }',
    ]


@pytest.mark.parametrize(
    ("first", "last"), [(0, -1), (2, 3), (1, 3), (4, 5), (7, 9)], ids=["last", "piece", "list", "value", "member"]
)
def test_what_no_place_has_is_noticed(first: int, last: int) -> None:
    places = places_of(BODY)
    del places[slice(first, last) if last > 0 else slice(-1, None)]
    with pytest.raises(WrongPlace):
        list(parts_at(places, [BODY]))


@pytest.mark.parametrize(
    "body",
    [BODY[:-12], BODY + b"7", BODY.replace(b"{", b"x{", 1), BODY.replace(b"a", b"bc"), b""],
    ids=["shorter", "longer", "before", "moved", "empty"],
)
def test_places_of_another_document_are_refused(body: bytes) -> None:
    with pytest.raises(WrongPlace):
        list(parts_at(places_of(BODY), [body]))


def test_a_place_ends_after_it_begins() -> None:
    first, *others = places_of(BODY)
    with pytest.raises(WrongPlace):
        list(parts_at([msgspec.structs.replace(first, end=first.first - 1), *others], [BODY]))


def test_of_too_many_places_none_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usage_ledger.json.parts.PART", 100)
    few, many = (json.dumps({f"k{n}": n for n in range(count)}).encode() for count in (MOST // 2, MOST // 2 + 1))
    assert len(Parts({}).check(iter([few]))) == MOST
    assert Parts({}).check(iter([many])) == []
