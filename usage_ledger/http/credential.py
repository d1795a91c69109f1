"""What requests are signed with, or tokens are asked for with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from usage_ledger.core.pseudonym import tag


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine's own identity, which the vendor's library asks for; nothing is stored."""

    profile: str = ""
    """Of the vendor's own configuration file."""
    client_id: str = ""
    """Of a managed identity, where the machine has several."""
    tenant_id: str = ""
    """Of a workload identity, where it is another than the environment's."""


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A file whose token is exchanged for a role's keys; it is read again for each exchange."""

    path: Path


@dataclass(frozen=True, slots=True)
class Federation:
    """A configuration that says where a token of another vendor comes from, and what it is exchanged for."""

    configuration: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credential:
    """A key or an identity, and the settings that the provider declares. `repr` shows no secret."""

    key: str | Machine | TokenFile | Federation = field(repr=False)
    settings: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict, repr=False)
    host: str | None = None
    """A base URL that replaces the provider's own."""

    def text(self, name: str) -> str:
        """The value of a setting that is not repeated; '' without one."""
        value = self.settings.get(name, "")
        return value if isinstance(value, str) else ""


def key_tag(credential: Credential, connection_id: str) -> dict[str, str] | None:
    """`tag`: of the whole key, for this connection; `deployment`: of the deployment's key that made it.

    None for an identity without a key of its own. Raises `ConfigError` where the deployment's key cannot be had.
    """
    if not isinstance(credential.key, str) or not credential.key:
        return None
    return {"tag": tag(f"key of {connection_id}", credential.key), "deployment": tag("deployment")}
