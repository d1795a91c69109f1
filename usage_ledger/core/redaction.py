"""Keeps keys out of whatever leaves the process: texts, logs, landed pages.

Airflow masks the literal key in its task log files only. So the process that holds a key names it here once
(`protect`), and every text of ours passes `redact`. Airflow's own masker gets the encoded forms from
`mask_adapter` (setting `[logging] secret_mask_adapter`); this module imports the standard library only, because
Airflow loads it in every process.
"""

import base64
import json
import logging
import re
import resource
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 5
"""Shorter secrets are not masked: they would blank out ordinary words. Airflow has the same limit."""
WIRE_LEVEL = (
    "httpx",
    "httpcore",
    "hpack",
    "hpack.hpack",
    "hpack.table",
    "h2",
    "urllib3",
    "botocore",
    "aiobotocore",
    "azure",
    "msal",
    "google",
)
"""Loggers that show what goes over the wire. HTTP/2's header tables make theirs with the first request."""
SHORTEST_CUT = 12
"""A cut-off key is masked down to this many leading characters, or a few more: see `SECRET_CHARACTERS`."""
SECRET_CHARACTERS = 8
"""A cut-off key is masked where at least this many characters behind its public prefix are left."""
PUBLIC = re.compile(r"(?:[a-z]{1,8}[0-9]{0,2}[-_]){1,4}")
"""What all keys of a kind begin with: `sk-ant-admin01-`, `sk-proj-`, `fw_`. No secret, and it is in help texts."""
LEAST_BEHIND_PUBLIC = 16
"""A key with fewer characters behind such a beginning may be words alone: then all of it is secret."""
FOLD = str.maketrans("İıſKΣς", "iiskσσ")
"""Letters whose lower case is another length, or is not the letter that ignoring case makes of them."""


@dataclass(frozen=True)
class _Forms:
    """The forms of all secrets, in lower case, for one kind of text."""

    whole: frozenset[str] = frozenset()
    """Hidden where all of it is there: a secret and its encodings."""
    beginnings: frozenset[tuple[str, Sequence[int]]] = frozenset()
    """A secret, and how many of its leading characters may be there without the rest, ascending."""
    signs: frozenset[str] = frozenset()
    """One of these short texts begins every form: they are looked for, and the form is compared from there."""
    pattern: re.Pattern[str] | None = None

    def add(self, whole: set[str], secret: str, lengths: Sequence[int]) -> "_Forms":
        """These forms and those of one more secret."""
        signs = self.signs | {form[: lengths[0]] for form in whole}
        return _Forms(
            self.whole | whole,
            self.beginnings | {(secret, lengths)},
            signs,
            re.compile("|".join(map(re.escape, sorted(signs)))),
        )

    def spans(self, lower: str) -> Iterator[tuple[int, int]]:
        """Start and end of what is to be hidden in a text in lower case, from left to right, the longest form each."""
        if self.pattern is None or not any(sign in lower for sign in self.signs):
            return
        at = 0
        while match := self.pattern.search(lower, at):
            start = match.start()
            length = self._length(lower, start)
            if length:
                yield start, start + length
            at = start + (length or 1)

    def _length(self, lower: str, start: int) -> int:
        """Characters of the longest form at this place; 0 when none is there."""
        lengths = [len(form) for form in self.whole if lower.startswith(form, start)]
        for secret, allowed in self.beginnings:
            if lower.startswith(secret[: allowed[0]], start):
                pairs = zip(secret, lower[start : start + len(secret)], strict=False)
                differing = (place for place, (one, other) in enumerate(pairs) if one != other)
                common = next(differing, min(len(secret), len(lower) - start))
                lengths.append(allowed[bisect_right(allowed, common) - 1])
        return max(lengths, default=0)


@dataclass(frozen=True, eq=False)
class Protected:
    """What is looked for. One object, replaced whole: another thread never sees half of a change."""

    secrets: frozenset[str] = frozenset()
    in_text: _Forms = _Forms()
    in_bytes: _Forms = _Forms()
    longest: int = 1
    """Bytes of the longest form of a secret."""

    @property
    def signs(self) -> list[bytes]:
        """Short texts in lower case: a body without any, in either case, holds no secret."""
        return [sign.encode("latin-1") for sign in self.in_bytes.signs]

    def mask(self, body: bytes, before: int) -> tuple[list[bytes], int]:
        """The body up to the end of the last secret that begins before this offset, in parts; and that end."""
        parts: list[bytes] = []
        end = 0
        for start, stop in self.in_bytes.spans(_lower_bytes(body)):
            if start >= before:
                break
            parts += [body[end:start], MASK.encode()]
            end = stop
        return parts, end


_protected = Protected()


def protected() -> Protected:
    """What is looked for now."""
    return _protected


def mask_adapter(secret: str) -> list[str]:
    """The secret and its whole-length encodings, for Airflow's `secret_mask_adapter`.

    No cut forms: Airflow alternates the patterns in set order, so a prefix would win over the whole key and
    leave the key's tail in clear.
    """
    if len(secret) < SHORTEST:
        return [secret]
    return sorted(_encodings(secret), key=len, reverse=True)


def protect(secret: str) -> None:
    """From now on `redact` blanks this secret, its encodings, and its beginnings, in this process."""
    global _protected
    if len(secret) < SHORTEST or secret in _protected.secrets:
        return
    forms = _encodings(secret) | {secret}
    shortest = min(shortest_cut(secret), len(secret))
    lengths = range(shortest, len(secret) + 1)
    _protected = Protected(
        _protected.secrets | {secret},
        _protected.in_text.add({_lower(form) for form in forms}, _lower(secret), lengths),
        _protected.in_bytes.add(
            {_lower_bytes(form.encode()) for form in forms},
            _lower_bytes(secret.encode()),
            lengths if secret.isascii() else _encoded_lengths(secret)[shortest - 1 :],
        ),
        max(_protected.longest, *(len(form.encode()) for form in forms)),
    )


def shortest_cut(secret: str) -> int:
    """How many leading characters of a secret are blanked at least when the rest of it is cut off."""
    public = PUBLIC.match(secret)
    if public is None or len(secret) - public.end() < LEAST_BEHIND_PUBLIC:
        return SHORTEST_CUT
    return max(SHORTEST_CUT, public.end() + SECRET_CHARACTERS)


def redact(text: str) -> str:
    """The text with every protected secret replaced by `***`."""
    parts, end = [], 0
    for start, stop in _protected.in_text.spans(_lower(text)):
        parts += [text[end:start], MASK]
        end = stop
    return "".join([*parts, text[end:]]) if parts else text


def redact_bytes(body: bytes) -> bytes:
    """As `redact`, for a body before it is landed; the same object comes back when it holds no secret."""
    masked, end = _protected.mask(body, len(body))
    return b"".join([*masked, body[end:]]) if masked else body


def _encoded_lengths(text: str) -> tuple[int, ...]:
    """Bytes of each beginning of the text: a cut in the middle of a letter is none."""
    return tuple(accumulate(len(character.encode()) for character in text))


def _lower(text: str) -> str:
    """The text in lower case, each letter at its place."""
    return text.translate(FOLD).lower()


def _lower_bytes(body: bytes) -> str:
    """The body with ASCII letters in lower case, a character for each byte."""
    return body.lower().decode("latin-1")


class RedactingFilter(logging.Filter):
    """Renders a log record and blanks protected secrets in message and traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info and record.exc_info[1] is not None and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True


def quiet_libraries() -> None:
    """Keep wire-level loggers above DEBUG, where they print headers, also when a level is set later."""
    loggers = [name for name in list(logging.root.manager.loggerDict) if name.partition(".")[0] in WIRE_LEVEL]
    for name in {*WIRE_LEVEL, *loggers}:
        logger = logging.getLogger(name)
        if "." not in name and logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)
        logger.addFilter(_above_debug)


def _above_debug(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def no_memory_dump() -> None:
    """This process, and those it starts, leave no memory on disk when they crash."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _encodings(secret: str) -> set[str]:
    raw = secret.encode()
    whole = [secret, repr(secret)[1:-1], repr(raw)[2:-1], json.dumps(secret)[1:-1], raw.hex()]
    whole += [quote(secret, safe=""), quote(secret), quote_plus(secret)]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole.append(encode(raw).decode().rstrip("="))
        # Inside a longer text (user:key, JSON) the key's base64 depends on its offset modulo three; the characters at
        # its edges mix with what stands before and after it.
        for offset in (0, 1, 2):
            first, last = -(-8 * offset // 6), 8 * (offset + len(raw)) // 6
            whole.append(encode(b"\0" * offset + raw).decode()[first:last])
    return {form for form in whole if len(form) >= SHORTEST}
