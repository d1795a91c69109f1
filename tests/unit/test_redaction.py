"""A key is blanked in every form in which it may leave the process."""

import base64
import json
import logging
import random
import re
import sys
import urllib.parse
from collections.abc import Iterator
from itertools import product

import pytest

from usage_ledger.core import redaction
from usage_ledger.core.redaction import MASK, RedactingFilter, mask_adapter, protect, redact, redact_bytes, shortest_cut
from usage_ledger.http import body as http_body
from usage_ledger.http.body import LARGE, redacted
from usage_ledger.http.sign_search import SignSearch

PLAIN = "fw_4Qz7XkP9mW2vTt8LrY6nBc3D"
HOSTILE = "fw_+/=%\"' &\\?>~ü4Qz7XkP9mW"
KEYS = [PLAIN, HOSTILE, "fw_>>>???~~~>>>???~~~"]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test protects its own keys alone."""
    monkeypatch.setattr(redaction, "_protected", redaction.Protected())


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


LONG = "sk-ant-admin01-" + "".join(random.Random(5).choices("abcdefghijklmnopqrstuvwxyzABCDEF0123456789-_", k=300))  # noqa: S311
SECRETS = [*KEYS, LONG, PLAIN + "LONGER", "short7", "correct-horse-battery-staple", "aaaaaaaaaaaaaaaaaaaaab"]


def alternation(keys: list[str]) -> str:
    """Every form and every beginning of the secrets, longest first: slow, and plainly right."""
    forms: set[str] = set()
    for key in keys:
        forms |= redaction._encodings(key) | {key[:cut] for cut in range(shortest_cut(key), len(key))}
    return "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))


def texts(keys: list[str], seed: int, pieces: int = 12) -> Iterator[str]:
    """Texts of forms of the secrets: whole, cut anywhere, broken, in any case, run together or apart."""
    drawn = random.Random(seed)  # noqa: S311
    whole = sorted({form for key in keys for form in redaction._encodings(key)})
    for _ in range(400):
        parts = []
        for _ in range(drawn.randrange(1, pieces)):
            form = drawn.choice([*whole, *keys, *keys])
            form = form[drawn.choice([0, 0, 0, 1, 3]) : drawn.choice([None, None, drawn.randrange(len(form) + 1)])]
            parts.append(drawn.choice([form, form, form.swapcase(), form.replace("s", "\u017f"), "plain İ words Σ"]))
            parts.append(drawn.choice(["", "", " ", '"', "ü", "\u212a"]))
        yield "".join(parts)


@pytest.mark.parametrize("large", [0, LARGE])
@pytest.mark.parametrize("seed", range(3))
def test_answers_equal_those_of_an_alternation_of_every_form(
    seed: int, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_body, "LARGE", large)
    for key in SECRETS:
        protect(key)
    pattern = alternation(SECRETS)
    in_text, in_bytes = re.compile(pattern, re.IGNORECASE), re.compile(pattern.encode(), re.IGNORECASE)
    drawn = random.Random(seed)  # noqa: S311
    masked = 0
    for text in texts(SECRETS, seed):
        assert redact(text) == in_text.sub(MASK, text)
        body = text.encode()
        right = in_bytes.sub(MASK.encode(), body)
        assert redact_bytes(body) == right
        size = drawn.randrange(1, 400)
        assert b"".join(redacted(body[at : at + size] for at in range(0, len(body), size))) == right
        masked += right != body
    assert masked > 300


DOTS = b"." * LARGE


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_is_hidden_wherever_it_lies_in_a_large_body(key: str) -> None:
    protect(key)
    for form in sorted({key, key[: shortest_cut(key)], *redaction._encodings(key)}):
        for place in (*range(9), LARGE):
            for text in (form.encode(), form.encode().swapcase()):
                before = b"." * place
                assert b"".join(redacted([before + text + DOTS])) == before + MASK.encode() + DOTS
                assert b"".join(redacted([DOTS + before + text])) == DOTS + before + MASK.encode()


def test_a_large_body_without_a_secret_is_searched_once() -> None:
    for key in SECRETS:
        protect(key)
    body = bytes(random.Random(3).choices(b"abcdef0123456789-_ {}", k=LARGE))  # noqa: S311
    assert not SignSearch(redaction.protected().signs).may_hold(body)
    assert b"".join(redacted([body, body])) == 2 * body


def test_what_all_keys_begin_with_is_no_secret() -> None:
    protect(LONG)
    for text in ("an Admin API key (sk-ant-admin…)", "rotate sk-ant-admin01 in May", "keys begin with sk-ant-admin01-"):
        assert redact(text) == text
        assert redact_bytes(text.encode()) == text.encode()
    assert redact(LONG[:22]) == LONG[:22]
    assert redact(f"{LONG[:23]}…") == f"{MASK}…"


@pytest.mark.parametrize(
    ("key", "characters"),
    [
        ("sk-proj-" + "x7" * 20, 16),
        ("sk-or-v1-" + "0a" * 32, 17),
        ("r8_" + "Qz" * 18, 12),
        ("correct-horse-battery-staple", 12),
        ("Qz7XkP9mW2vTt8LrY6nBc3D", 12),
    ],
)
def test_a_cut_off_key_is_blanked_from_some_characters_behind_its_public_prefix(key: str, characters: int) -> None:
    assert shortest_cut(key) == characters


def test_what_is_looked_for_does_not_grow_with_a_secret() -> None:
    def expression(length: int) -> int:
        protect("sk-" + "".join(random.Random(length).choices("abcdefghij0123456789XYZ", k=length - 3)))  # noqa: S311
        return len(redaction._protected.in_text.pattern.pattern)  # type: ignore[union-attr]

    short = expression(56)
    assert expression(4096) <= 2.5 * short
    assert len(redaction._protected.in_text.whole) <= 40
