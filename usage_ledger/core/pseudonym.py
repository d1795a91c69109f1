"""Pseudonyms for people: a keyed hash, the same on every worker that has the deployment's key."""

import contextlib
import hmac
import os
import re
import secrets
from functools import cache
from pathlib import Path

from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import local_folder

SETTING = "USAGE_LEDGER_PSEUDONYM_KEY"
MIN_KEY_LENGTH = 16
_AT = r"(?:@|%40|\\u0040)"
_ADDRESS = re.compile(
    rf'(?:(?<![\w.+-])[\w.+-]++|"[^"\n]{{1,64}}"){_AT}(?:[\w-]{{1,63}}\.){{1,16}}(?:[^\W\d_])[\w-]{{0,61}}\w'
)
"""Each word is tried once, so that a long text without an address costs a linear time."""


def pseudonym(name: str) -> str:
    """`p_` and 32 hexadecimal digits; letter case and outer spaces do not matter. Raises `ConfigError`."""
    return f"p_{hmac.digest(_key(), name.strip().casefold().encode(), 'sha256').hex()[:32]}"


def hide_addresses(text: str) -> str:
    """The text with the pseudonym of each e-mail address in its place, also of one with `%40`. Raises `ConfigError`."""
    return _ADDRESS.sub(lambda match: pseudonym(re.sub(_AT, "@", match[0])), text)


def tag(purpose: str, secret: str = "") -> str:
    """16 hexadecimal digits of a keyed hash: the same secret has the same tag, for this purpose and deployment alone.

    Without a secret it is the tag of the deployment's key itself. Raises `ConfigError`.
    """
    return hmac.digest(_key(), f"{purpose}\0{secret}".encode(), "sha256").hex()[:16]


def _key() -> bytes:
    """The key in the environment, else the one in the local folder, which is created once."""
    configured = os.environ.get(SETTING, "")
    if configured and len(configured) < MIN_KEY_LENGTH:
        raise ConfigError(f"{SETTING} is shorter than {MIN_KEY_LENGTH} characters", next_step="set a long random text")
    return configured.encode() if configured else _local_key()


@cache
def _local_key() -> bytes:
    """The key file's bytes. Several processes may create it at once: the first one's key holds for all."""
    path = local_folder() / "pseudonym.key"
    try:
        if not path.exists():
            _create_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the key for pseudonyms cannot be stored in {path}: {error.strerror}",
            next_step=f"make the folder writable, or set {SETTING}",
        ) from error
    if len(key) < MIN_KEY_LENGTH:
        raise ConfigError(
            f"{path} holds no key of at least {MIN_KEY_LENGTH} characters",
            next_step="restore it: another key makes other pseudonyms; if it was never used, remove the file",
        )
    return key


def _create_key(path: Path) -> None:
    """Link a complete file into place, so that nobody reads half a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_hex(32).encode())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(fresh)
    finally:
        fresh.unlink(missing_ok=True)
