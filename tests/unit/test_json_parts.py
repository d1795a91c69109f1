"""A large document in parts is the document: every element, as sent, once; what is no JSON is refused as a whole is."""

import json
import random
from typing import Any

import msgspec
import pytest

from usage_ledger.core.contract_errors import Shape
from usage_ledger.json import document
from usage_ledger.json.parts import parts
from usage_ledger.json.text import plain

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


def cut(body: bytes, seed: int) -> list[bytes]:
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
