"""A large document in parts is the document: every element, as sent, once; what is no JSON is refused as a whole is."""

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from usage_ledger.json.parts import parts
from usage_ledger.json.text import plain

texts = st.text(max_size=12) | st.sampled_from(["},", "}]", '"', "\\", "[{", "},{", "\\u007d,"])
leaves = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.decimals(allow_nan=False, allow_infinity=False)
values = st.recursive(
    leaves.map(lambda value: value if not hasattr(value, "as_tuple") else str(value)) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
rows = st.lists(st.dictionaries(texts, values, max_size=4), max_size=30)
documents = st.dictionaries(texts, rows | values, max_size=5) | rows


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


@settings(max_examples=400, deadline=None, phases=[Phase.generate])
@given(document=documents, seed=st.integers(0, 2**32), size=st.sampled_from([1, 20, 100, 1000]), indent=st.booleans())
def test_the_parts_laid_end_to_end_are_the_document(document: Any, seed: int, size: int, indent: bool) -> None:
    body = json.dumps(document, indent=1 if indent else None, ensure_ascii=seed % 2 == 0).encode()
    assert joined(list(parts(cut(body, seed), size))) == document


@settings(max_examples=400, deadline=None, phases=[Phase.generate])
@given(document=documents, seed=st.integers(0, 2**32), size=st.sampled_from([1, 20, 100]))
def test_what_is_no_json_is_refused_in_parts_as_it_is_whole(document: Any, seed: int, size: int) -> None:
    drawn = random.Random(seed)  # noqa: S311
    body = bytearray(json.dumps(document).encode())
    at = drawn.randrange(len(body))
    match drawn.randrange(3):
        case 0:
            del body[at]
        case 1:
            body[at] = drawn.choice(b'{}[],:"x1 ')
        case _:
            body = body[:at]
    spoiled = plain(bytes(body))
    try:
        expected = msgspec.json.decode(spoiled)
    except (msgspec.DecodeError, UnicodeDecodeError):
        with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
            for part in parts(cut(spoiled, seed), size):
                msgspec.json.decode(part)
        return
    if isinstance(expected, dict) and len(json.loads(spoiled, object_pairs_hook=list)) != len(expected):
        return  # a key came twice: told by another test
    assert joined(list(parts(cut(spoiled, seed), size))) == json.loads(spoiled)


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
