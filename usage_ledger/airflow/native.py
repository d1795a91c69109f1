"""Airflow's own connections to clouds, read as their providers read them, without those packages.

An extra that is not read here is refused by name: ignored, it would let the request act as somebody else.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from usage_ledger.airflow.metadata import Stored
from usage_ledger.core import redaction
from usage_ledger.core.errors import ConfigError
from usage_ledger.http.credential import Credential, Federation, Machine, TokenFile
from usage_ledger.http.secrets import protect_key
from usage_ledger.model.auth import Auth, ClientCredentials, ServiceAccount, SigV4

NATIVE: dict[type, str] = {SigV4: "aws", ClientCredentials: "azure", ServiceAccount: "google_cloud_platform"}
"""The type of Airflow's own connection for each kind of authentication."""
ROLE_ARGUMENTS = {
    "ExternalId": "external_id",
    "RoleSessionName": "role_session_name",
    "DurationSeconds": "duration_seconds",
    "Policy": "policy",
    "SourceIdentity": "source_identity",
}


def native_credential(auth: Auth, stored: Stored, connection_id: str) -> Credential:
    """The identity of an `aws`, `azure` or `google_cloud_platform` connection; one that names none is the machine's.

    Raises `ConfigError` for an extra that is not read here, and for one that makes no sense.
    """
    readers: dict[type, Callable[[Stored, _Extra], Credential]] = {
        SigV4: _aws,
        ClientCredentials: _azure,
        ServiceAccount: _google,
    }
    extra = _Extra(stored, connection_id)
    credential = readers[type(auth)](stored, extra)
    extra.require_all_read()
    return credential


class _Extra:
    """The extra of a connection, and which of its fields were read. Empty ones are what a form leaves behind."""

    def __init__(self, stored: Stored, connection_id: str) -> None:
        self.id = connection_id
        prefix = f"extra__{stored.conn_type}__"
        fields = {name.removeprefix(prefix): value for name, value in stored.extra.items()}
        self._fields = {name: value for name, value in fields.items() if value not in (None, "", False, {}, [])}

    def text(self, name: str) -> str:
        value = self._fields.pop(name, "")
        if not isinstance(value, str | int):
            raise self.refused(f"extra {name!r} is no text")
        return str(value)

    def document(self, name: str) -> dict[str, Any]:
        """A field that is a JSON object, or the text of one."""
        value = self._fields.pop(name, {})
        try:
            document = json.loads(value, strict=False) if isinstance(value, str) else value
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise self.refused(f"extra {name!r} is no JSON object")
        return document

    def names(self, name: str) -> list[str]:
        """A field that is a list, or a text with commas."""
        value = self._fields.pop(name, [])
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise self.refused(f"extra {name!r} is no list of names")
        return [part.strip() for part in parts if part.strip()]

    def is_path(self, name: str) -> bool:
        """Whether a field is the path of a file, not a document or its text."""
        value = self._fields.get(name)
        return isinstance(value, str) and not value.lstrip().startswith("{")

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def skip(self, *names: str) -> None:
        """Fields that choose no identity."""
        for name in names:
            self._fields.pop(name, None)

    def require_all_read(self) -> None:
        if self._fields:
            names = ", ".join(repr(name) for name in sorted(self._fields))
            raise self.refused(f"extra {names} is not read here", "remove it, or use another connection for this")

    def refused(self, what: str, next_step: str = "correct it under Admin, Connections") -> ConfigError:
        return ConfigError(f"Airflow connection {self.id!r}: {what}", next_step=next_step)


def _aws(stored: Stored, extra: _Extra) -> Credential:
    """As `AwsGenericHook`: log-in and password, else the extra's keys, else a profile, else the machine's identity."""
    key_of_extra, secret_of_extra = extra.text("aws_access_key_id"), extra.text("aws_secret_access_key")
    profile, method = extra.text("profile_name"), extra.text("assume_role_method") or "assume_role"
    settings = {"session_token": extra.text("aws_session_token"), "role_arn": extra.text("role_arn")}
    extra.skip("region_name")
    host = extra.text("endpoint_url") or None
    settings |= _role_arguments(extra) if settings["role_arn"] else {}
    key: str | Machine | TokenFile
    if stored.login and stored.password:
        key, settings["access_key_id"] = stored.password, stored.login
    elif key_of_extra and secret_of_extra:
        key, settings["access_key_id"] = secret_of_extra, key_of_extra
    elif stored.login or stored.password or key_of_extra or secret_of_extra:
        raise extra.refused("only one of access key id and secret access key is there")
    else:
        key = Machine(profile=profile)
    if method == "assume_role_with_web_identity" and settings["role_arn"]:
        key = _token_file(extra)
    elif method != "assume_role":
        raise extra.refused(f"assume_role_method {method!r} is not read here", "use assume_role")
    for secret in (key, settings["session_token"]):
        redaction.protect(secret if isinstance(secret, str) else "")
    return Credential(key, {name: value for name, value in settings.items() if value}, host)


def _role_arguments(extra: _Extra) -> dict[str, str]:
    arguments = extra.document("assume_role_kwargs")
    unknown = sorted(set(arguments) - set(ROLE_ARGUMENTS))
    if unknown:
        raise extra.refused(f"assume_role_kwargs {', '.join(unknown)} is not read here", "remove it")
    named = {ROLE_ARGUMENTS[name]: str(value) for name, value in arguments.items()}
    # As the hook names it: who trusts the role may look at the session's name.
    session = re.sub(r"[^\w+=,.@-]+", "-", f"airflow_{extra.id}".lower())
    return {"role_session_name": session} | named


def _token_file(extra: _Extra) -> TokenFile:
    federation = extra.text("assume_role_with_web_identity_federation")
    path = extra.text("assume_role_with_web_identity_token_file") or os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE", "")
    if federation != "file" or not path:
        raise extra.refused(f"a web identity of {federation or 'nothing'!r} is not read here", "use a file's token")
    return TokenFile(Path(path))


def _azure(stored: Stored, extra: _Extra) -> Credential:
    """As `AzureBaseHook`: log-in and password are an application's id and secret; neither is the machine's identity."""
    tenant, client = extra.text("tenantId"), extra.text("managed_identity_client_id")
    workload_tenant = extra.text("workload_identity_tenant_id")
    extra.skip("subscriptionId", "subscription_id")
    if stored.login and stored.password:
        redaction.protect(stored.password)
        settings = {"client_id": stored.login, "tenant_id": tenant}
        return Credential(stored.password, {name: value for name, value in settings.items() if value})
    if stored.login or stored.password:
        raise extra.refused("only one of client id and secret is there")
    return Credential(Machine(client_id=client, tenant_id=workload_tenant))


def _google(stored: Stored, extra: _Extra) -> Credential:
    """As `GoogleBaseHook`: a key file as JSON or by path, a federation's configuration, else the machine's identity."""
    extra.skip("project", "num_retries", "scope")
    ways = [name for name in ("keyfile_dict", "key_path", "credential_config_file") if name in extra]
    if len(ways) > 1:
        raise extra.refused(f"{' and '.join(ways)} name more than one identity", "leave one of them")
    chain = extra.names("impersonation_chain")
    settings = {"impersonation_chain": ", ".join(chain)} if chain else {}
    key: str | Machine | Federation = Machine()
    match ways:
        case ["keyfile_dict"]:
            key = json.dumps(extra.document("keyfile_dict"))
        case ["key_path"]:
            key = _file(extra, extra.text("key_path"))
        case ["credential_config_file"]:
            key = Federation(_configuration(extra))
    protect_key(key if isinstance(key, str) else "")
    return Credential(key, settings)


def _configuration(extra: _Extra) -> Mapping[str, Any]:
    """The configuration of a federation: an object, its text, or the path of its file."""
    name = "credential_config_file"
    if not extra.is_path(name):
        return extra.document(name)
    path = extra.text(name)
    try:
        document = json.loads(_file(extra, path))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise extra.refused(f"the file {path} is no JSON object")
    return document


def _file(extra: _Extra, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise extra.refused(
            f"the file {path} cannot be read: {type(error).__name__}", "make it readable where tasks run"
        ) from None
