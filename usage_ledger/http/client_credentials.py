"""A token for an application's secret, by a form POST of our own; for a machine's identity, by the vendor's library."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from usage_ledger.core import errors
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.provider_errors import BadKey
from usage_ledger.http.bearer import BearerAuth, RenewableAuth, Token, oauth_token, token_of
from usage_ledger.http.credential import Credential, Machine
from usage_ledger.http.secrets import checked_secret, library_missing, required_text
from usage_ledger.http.token_request import ask_for_token, issuer_url
from usage_ledger.model.auth import ClientCredentials

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


def client_credentials_auth(declared: ClientCredentials, credential: Credential, account: str) -> RenewableAuth:
    """The bearer of an application's tokens. Raises `BadKey`, `ConfigError`."""
    if isinstance(credential.key, Machine):
        return BearerAuth(_of_machine(declared, credential.key))
    if not isinstance(credential.key, str):
        raise ConfigError("a token file or a federation is no identity of this provider")
    return BearerAuth(_of_secret(declared, credential, checked_secret(credential.key), account))


def _of_secret(
    declared: ClientCredentials, credential: Credential, secret: str, account: str
) -> Callable[[str], Token]:
    tenant = quote(credential.text("tenant_id") or account, safe="")
    if not tenant.strip("."):
        raise ConfigError("the connection has no tenant_id", next_step="set it in the Airflow connection")
    url = issuer_url(declared.issuer_url.replace("{tenant_id}", tenant), credential.host)
    form = {"grant_type": "client_credentials", "client_id": required_text(credential, "client_id")}

    def obtain(audience: str) -> Token:
        fields = form | {"client_secret": secret, "scope": audience or declared.scope}
        answer = ask_for_token(url, body=urlencode(fields).encode(), headers=FORM)
        return oauth_token(answer, urlsplit(url).hostname or "")

    return obtain


def _of_machine(declared: ClientCredentials, machine: Machine) -> Callable[[str], Token]:
    """Workload identity, then managed identity; no developer's own log-in, which would be somebody else."""
    try:
        from azure.core.exceptions import AzureError, ClientAuthenticationError
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise library_missing(declared.extra) from None
    options: dict[str, Any] = {}
    if machine.client_id:
        options["managed_identity_client_id"] = machine.client_id
    if machine.tenant_id:
        options["workload_identity_tenant_id"] = machine.tenant_id
        options["additionally_allowed_tenants"] = [machine.tenant_id]
    developers = ("cli", "developer_cli", "powershell", "visual_studio_code", "shared_token_cache", "broker")
    options |= {f"exclude_{name}_credential": True for name in developers}

    def obtain(audience: str) -> Token:
        failure: errors.UsageLedgerError
        try:
            # A new one each time: the last one may still hold the token that was refused.
            with DefaultAzureCredential(**options) as identity:
                token = identity.get_token(audience or declared.scope)
        except ClientAuthenticationError as error:
            failure = BadKey(
                f"this machine has no identity that gets a token: {errors.one_line(str(error), 500)}",
                next_step="give the worker a workload or managed identity, or store an application's secret",
            )
        except AzureError as error:
            failure = errors.Unreachable(f"this machine's identity is not answered: {errors.one_line(str(error), 500)}")
        else:
            return token_of(token.token, max(0.0, token.expires_on - time.time()), "the machine's identity")
        raise failure

    return obtain
