"""Secrets that a credential holds: refused where they cannot be sent, and redacted from then on."""

import json
import re

from usage_ledger.core import redaction
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.provider_errors import BadKey
from usage_ledger.http.credential import Credential


def checked_secret(key: str) -> str:
    """The key, protected. Raises `BadKey` for none, or one that no header and no form can hold."""
    if not key or not re.fullmatch(r"[\x21-\x7e]+", key):
        raise BadKey("the connection has no key" if not key else "the key holds blanks or control characters")
    redaction.protect(key)
    return key


def protect_key(key: str) -> None:
    """Redact a key; of a key file's JSON the private key alone, because its beginning is in many an answer."""
    if not key.lstrip().startswith("{"):
        redaction.protect(key)
        return
    try:
        document = json.loads(key, strict=False)
    except ValueError:
        document = {}
    private = document.get("private_key")
    if isinstance(private, str):
        protect_pem(private)


def required_text(credential: Credential, name: str) -> str:
    """The value of a setting. Raises `ConfigError` when there is none."""
    value = credential.text(name)
    if not value:
        raise ConfigError(
            f"the connection has no {name}",
            next_step=f"set {name} in the Airflow connection, or connect again with `--setting {name}=…`",
        )
    return value


def protect_pem(pem: str) -> None:
    """Redact a private key in the forms in which it is written: PEM, as JSON text, within another JSON text, base64."""
    redaction.protect(pem.strip())
    redaction.protect(json.dumps(pem.strip())[1:-1])
    redaction.protect("".join(line for line in pem.splitlines() if not line.startswith("-----")))


def library_missing(extra: str) -> ConfigError:
    """The vendor's library is not installed."""
    return ConfigError(
        "what this provider's requests are signed with is not installed",
        next_step=f'run `pip install "usage-ledger[{extra}]"` where Airflow\'s tasks run, and here',
    )
