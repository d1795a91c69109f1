"""What is never stored: fields that a report cuts, and the names of people, for whom pseudonyms stand."""

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec

from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import local_folder
from usage_ledger.json.document import document_of
from usage_ledger.json.text import plain

SETTING = "USAGE_LEDGER_PSEUDONYM_KEY"
SHORTEST = 16
Change = Callable[[bytes], bytes | None]
"""A JSON value for another one, or None for none."""


def withheld(body: bytes, cut: tuple[str, ...], pseudonyms: tuple[str, ...]) -> bytes:
    """The body without the fields at some paths (`items/*/field`), and with pseudonyms at others.

    Everything else keeps its literal form. Raises `ConfigError` when there is no usable key for pseudonyms.
    """
    body = plain(body) if cut or pseudonyms else body
    for path in cut:
        body = _changed(body, path.split("/"), lambda _: None)
    for path in pseudonyms:
        body = _changed(body, path.split("/"), _hidden)
    return body


def pseudonym(name: str) -> str:
    """`p_` and 32 hexadecimal digits, the same for a name whatever the case of its letters. Raises `ConfigError`."""
    digest = hmac.new(_key(), name.strip().casefold().encode(), hashlib.sha256).hexdigest()
    return f"p_{digest[:32]}"


def _hidden(value: bytes) -> bytes:
    told = document_of(value, "a person's address")
    return msgspec.json.encode(pseudonym(told)) if isinstance(told, str) and told else value


def _key() -> bytes:
    """The deployment's secret. Without one in the environment, the local folder's, which is made once."""
    told = os.environ.get(SETTING, "")
    if told and len(told) < SHORTEST:
        raise ConfigError(f"{SETTING} is shorter than {SHORTEST} characters", next_step="set a long random text")
    return told.encode() if told else _local_key()


@cache
def _local_key() -> bytes:
    """Made once, and never seen half written: whoever comes second takes the first one's."""
    path = local_folder() / "pseudonym.key"
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the secret for pseudonyms cannot be kept in {path}: {error.strerror}",
            next_step=f"make the folder writable, or set {SETTING}",
        ) from error
    if len(key) < SHORTEST:
        raise ConfigError(
            f"{path} holds no secret of at least {SHORTEST} characters",
            next_step="restore it: another secret makes other pseudonyms; if none was made yet, remove the file",
        )
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_hex(32).encode())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(fresh)
    finally:
        fresh.unlink(missing_ok=True)


def _changed(body: bytes, segments: list[str], change: Change) -> bytes:
    head, *rest = segments
    if head == "*":
        if not body.lstrip().startswith(b"["):
            return body
        raws = msgspec.json.decode(body, type=list[msgspec.Raw])
        return msgspec.json.encode([msgspec.Raw(_changed(bytes(item), rest, change)) for item in raws])
    if not body.lstrip().startswith(b"{"):
        return body
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    if head not in fields:
        return body
    value = _changed(bytes(fields[head]), rest, change) if rest else change(bytes(fields[head]))
    if value is None:
        del fields[head]
    else:
        fields[head] = msgspec.Raw(value)
    return msgspec.json.encode(fields)
