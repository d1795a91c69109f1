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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 5
"""Shorter secrets are not masked: they would blank out ordinary words. Airflow has the same limit."""
WIRE_LEVEL = ("httpx", "httpcore", "hpack", "hpack.hpack", "hpack.table", "h2", "urllib3", "botocore", "aiobotocore")
"""Loggers that show what goes over the wire. HTTP/2's header tables make theirs with the first request."""
SHORTEST_CUT = 12
"""A cut-off key is masked down to this many leading characters."""


@dataclass(frozen=True)
class _Known:
    """What is looked for. One object, replaced whole: another thread never sees half of a change."""

    secrets: frozenset[str] = frozenset()
    pattern: re.Pattern[str] | None = None
    bytes_pattern: re.Pattern[bytes] | None = None
    signs: frozenset[bytes] = frozenset()
    """In lower case, one of these stands in any body that holds a form of a secret: cheap to look for."""
    longest: int = 1
    """Bytes of the longest form of a secret."""

    def suspect(self, body: bytes) -> re.Pattern[bytes] | None:
        """What to blank in the body, if it may hold any of it."""
        if not self.bytes_pattern:
            return None
        lower = body.lower()
        return self.bytes_pattern if any(sign in lower for sign in self.signs) else None


_known = _Known()


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
    global _known
    if len(secret) < SHORTEST or secret in _known.secrets:
        return
    secrets = _known.secrets | {secret}
    forms: set[str] = set()
    for known in secrets:
        forms |= _encodings(known)
        forms |= {known[:cut] for cut in range(SHORTEST_CUT, len(known))}
    whole = "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
    _known = _Known(
        secrets,
        re.compile(whole, re.IGNORECASE),
        re.compile(whole.encode(), re.IGNORECASE),
        frozenset(form[:SHORTEST_CUT].encode().lower() for form in forms),
        max(len(form.encode()) for form in forms),
    )


def redact(text: str) -> str:
    """The text with every protected secret replaced by `***`."""
    return _known.pattern.sub(MASK, text) if _known.pattern else text


def redact_bytes(body: bytes) -> bytes:
    """As `redact`, for a body before it is landed; the same object comes back when it holds no secret."""
    pattern = _known.suspect(body)
    return pattern.sub(MASK.encode(), body) if pattern else body


def redacted(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """As `redact_bytes`, for a body that arrives in pieces: the end of each waits, lest a secret lie across two."""
    kept = b""
    for chunk in chunks:
        known = _known
        text = kept + chunk
        sure = len(text) - known.longest + 1
        if sure <= 0:
            kept = text
            continue
        told = []
        start = 0
        if pattern := known.suspect(text):
            for found in pattern.finditer(text):
                if found.start() >= sure:
                    break
                told += [text[start : found.start()], MASK.encode()]
                start = found.end()
        sure = max(sure, start)
        yield b"".join([*told, text[start:sure]])
        kept = text[sure:]
    yield redact_bytes(kept)


class RedactingFilter(logging.Filter):
    """Renders a log record and blanks protected secrets in message and traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info and record.exc_info[1] is not None and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True


def quiet_libraries() -> None:
    """Keep wire-level loggers above DEBUG, where they print headers, also when a level is set later."""
    known = [name for name in list(logging.root.manager.loggerDict) if name.partition(".")[0] in WIRE_LEVEL]
    for name in {*WIRE_LEVEL, *known}:
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
