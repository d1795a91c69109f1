"""The accounts that the demo connects: an invented one at each provider's stand-in."""

from typing import Any

from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import connections_folder
from usage_ledger.http.credential import Credential
from usage_ledger.providers import PROVIDERS
from usage_ledger.sandbox.accounts import STAND_INS

ACCOUNT, AT = "sandbox", "03:00"
BACKFILLED = "fireworks"
"""The provider whose usage dates have a run each."""
DEFAULT = (BACKFILLED, "openai", "aws_bedrock")
ALL = "all"
METERED = ("completions", "embeddings", "images", "audio_speeches", "audio_transcriptions", "vector_stores")
TOOLS = ("code_interpreter_sessions", "file_search_calls", "web_search_calls")
REPORTS = {"openai": [*METERED, *TOOLS, "costs"]}
"""Of a provider that has many; the others' reports are all fetched."""


def connection_of(provider: str) -> str:
    """The id of the provider's connection."""
    return f"{provider}_demo"


def chosen_providers(text: str) -> tuple[str, ...]:
    """Providers by a text: names with commas or spaces, `all`, or nothing for the usual ones; each once, as declared.

    Raises `ConfigError`, which names those allowed.
    """
    names = set(text.replace(",", " ").split()) or set(DEFAULT)
    unknown = sorted(names - {*PROVIDERS, ALL})
    if unknown:
        raise ConfigError(
            f"there is no provider {', '.join(map(repr, unknown))}",
            next_step=f"use one or more of: {', '.join(PROVIDERS)}; or {ALL}",
        )
    return tuple(name for name in PROVIDERS if names & {name, ALL})


def is_left() -> bool:
    """Whether a connection of the demo is still there: its daily runs would fail without the sandbox."""
    return any((connections_folder() / f"{connection_of(name)}.yaml").exists() for name in PROVIDERS)


def invented_account(
    provider: str, key: str, host: str, *, account: str = ACCOUNT, seed: int = 1
) -> tuple[dict[str, Any], Credential]:
    """The YAML document and the credential of the account that `key` opens at the sandbox of base URL `host`."""
    document: dict[str, Any] = {"provider": provider, "account": account, "timezone": "UTC", "at": AT}
    if provider in REPORTS:
        document["reports"] = REPORTS[provider]
    if provider not in STAND_INS:
        return document, Credential(key, host=host)
    stand_in = STAND_INS[provider]
    truth = stand_in.truth(seed=seed, account=account)
    stored = {setting.name for setting in PROVIDERS[provider].settings if setting.part_of_key or setting.secret}
    written = {
        name: value if isinstance(value, str) else list(value)
        for name, value in truth.settings.items()
        if name not in stored
    }
    document["account"] = truth.account_id
    if written:
        document["settings"] = written
    with_key = {name: value for name, value in truth.settings.items() if name in stored}
    return document, Credential(truth.secret(key), with_key, host=host + stand_in.prefix)


def sandbox_command(provider: str, *, host: str, account: str = ACCOUNT, seed: int = 1) -> str:
    """The command that connects that account at the sandbox of base URL `host`; it reads the key from input."""
    document, credential = invented_account(provider, "", host, account=account, seed=seed)
    settings = {**document.get("settings", {}), **credential.settings}
    options = "".join(
        f" --setting {name}={value if isinstance(value, str) else ','.join(value)}" for name, value in settings.items()
    )
    at = f"--account {document['account']} --host {credential.host}"
    return f"usage-ledger connect {provider} {account}_{provider} {at}{options}"
