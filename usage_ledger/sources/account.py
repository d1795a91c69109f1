"""Whether a credential is of the right kind and has access to the connection's account."""

from usage_ledger.connections import Connection
from usage_ledger.core.provider_errors import BadKey, WrongAccount
from usage_ledger.http.client import Client
from usage_ledger.sources.listing import items_of, list_things


def verify_account(connection: Connection, client: Client) -> bool:
    """True when the key is of the right kind and has access to the account: a wrong id may answer 200 elsewhere.

    Where the provider lists no account ids, the key alone is verified. Raises `WrongAccount`, naming the accounts that
    the key has access to, `BadKey`, and the errors of `Client.ask`.
    """
    provider = connection.declared
    accounts: list[str] = []
    for page, things in list_things(client, provider.accounts):
        accounts += [labels[provider.accounts.label] for labels in things]
        flags = [item.get(flag) for item in items_of(page, provider.accounts) for flag in provider.key_flags]
        if flags and True not in flags:
            raise BadKey(
                "the key is valid, but of the wrong kind",
                connection=connection.id,
                next_step=f"use {provider.key_help}",
            )
        if not provider.accounts.id:
            return True
    if connection.account in accounts:
        return True
    visible = ", ".join(sorted(accounts)[:10]) or "none"
    raise WrongAccount(
        f"the key does not see account {connection.account!r}; it sees: {visible}", connection=connection.id
    )
