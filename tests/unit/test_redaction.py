"""A key is blanked in every form in which it may leave the process."""

import base64
import json
import logging
import sys
import urllib.parse
from collections.abc import Iterator
from itertools import product

import pytest

from usage_ledger.core import redaction
from usage_ledger.core.redaction import MASK, RedactingFilter, mask_adapter, protect, redact, redact_bytes

PLAIN = "fw_4Qz7XkP9mW2vTt8LrY6nBc3D"
HOSTILE = "fw_+/=%\"' &\\?>~ü4Qz7XkP9mW"
KEYS = [PLAIN, HOSTILE, "fw_>>>???~~~>>>???~~~"]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test protects its own keys alone."""
    monkeypatch.setattr(redaction, "_known", redaction._Known())


def forms(key: str) -> Iterator[tuple[str, str]]:
    raw = key.encode()
    yield "literal", key
    yield "bearer header", f"Authorization: Bearer {key}"
    yield "repr", repr(key)
    yield "bytes repr", repr(raw)
    yield "json", json.dumps({"k": key})
    yield "hex", raw.hex()
    yield "quoted", urllib.parse.quote(key, safe="")
    yield "quoted with slashes", urllib.parse.quote(key)
    yield "form-encoded", urllib.parse.urlencode({"k": key})
    yield "base64", base64.b64encode(raw).decode()
    yield "urlsafe base64", base64.urlsafe_b64encode(raw).decode()


def bared(text: str, key: str) -> bool:
    """Whether a form of the key stands in the text."""
    return any(form.casefold() in text.casefold() for form in (key, key.encode().hex(), urllib.parse.quote(key)))


@pytest.mark.parametrize("key", KEYS)
def test_every_encoding_is_blanked_in_texts(key: str) -> None:
    protect(key)
    for name, text in forms(key):
        for shown in (redact(f"before {text} after"), redact(f"before {text.swapcase()} after")):
            assert MASK in shown, name
            assert not bared(shown, key), name
            assert shown.startswith("before "), name
            assert shown.endswith(" after"), name


@pytest.mark.parametrize("key", KEYS)
def test_every_encoding_is_blanked_in_bodies(key: str) -> None:
    protect(key)
    for name, text in forms(key):
        for echo in (text.encode(), text.encode().swapcase()):
            shown = redact_bytes(b'{"echo": "%s"}' % echo)
            assert MASK.encode() in shown, name
            assert not bared(shown.decode(), key), name


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("altchars", [b"+/", b"-_"], ids=["standard", "urlsafe"])
def test_base64_of_a_longer_text_gives_no_more_than_edges_away(key: str, altchars: bytes) -> None:
    protect(key)
    for before, after in product(["", "u", "us", "use", "user:", "user:x"], ["", "z", '"}', '", "more": 1}']):
        text = base64.b64encode(f"{before}{key}{after}".encode(), altchars).decode()
        left, *more = redact(f"Basic {text}").split(MASK)
        assert more, f"nothing of {text} was blanked"
        for part in (left.removeprefix("Basic "), *more):
            for offset in range(4):
                whole = part.rstrip("=")[offset:]
                seen = base64.b64decode(whole[: len(whole) // 4 * 4], altchars).decode("latin-1")
                assert not any(key[n : n + 5] in seen for n in range(len(key) - 4))


@pytest.mark.parametrize("length", range(12, len(PLAIN)))
def test_a_cut_off_key_is_blanked_down_to_twelve_characters(length: int) -> None:
    protect(PLAIN)
    assert redact(f"key {PLAIN[:length]}…") == f"key {MASK}…"


def test_eleven_characters_of_a_key_stay() -> None:
    protect(PLAIN)
    assert redact(PLAIN[:11]) == PLAIN[:11]


def test_of_two_keys_that_begin_alike_neither_leaves_a_tail() -> None:
    for key in (PLAIN, PLAIN + "LONGER", PLAIN[:14] + "-other-tail"):
        protect(key)
    assert redact(f"{PLAIN}LONGER {PLAIN} {PLAIN[:14]}-other-tail") == f"{MASK} {MASK} {MASK}"


def test_texts_without_a_key_are_unchanged() -> None:
    protect(PLAIN)
    body = b'{"promptTokens": "1"}'
    assert redact_bytes(body) is body
    assert redact("an ordinary line") == "an ordinary line"


def test_short_words_are_never_blanked() -> None:
    protect("abcd")
    assert redact("abcd") == "abcd"
    assert mask_adapter("abcd") == ["abcd"]


@pytest.mark.parametrize("key", KEYS)
def test_the_mask_adapter_yields_whole_keys_alone(key: str) -> None:
    found = mask_adapter(key)
    assert key in found
    assert key.encode().hex() in found
    assert urllib.parse.quote(key, safe="") in found
    assert base64.b64encode(key.encode()).decode().rstrip("=") in found
    assert [form for form in found if form != key and key.startswith(form)] == []
    assert all(len(form) >= len(key) for form in found)
    assert found == sorted(found, key=len, reverse=True)


def test_log_records_are_blanked_with_arguments_and_traceback() -> None:
    protect(PLAIN)
    try:
        raise ValueError(f"it holds {PLAIN}")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "got %s and %d", (PLAIN, 7), sys.exc_info())
    assert RedactingFilter().filter(record)
    shown = logging.Formatter().format(record)
    assert PLAIN not in shown
    assert shown.startswith(f"got {MASK} and 7")
    assert f"ValueError: it holds {MASK}" in shown
