"""Connection types: what the Test button of the Airflow UI does."""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseHook

from usage_ledger.airflow.provider_info import hook_class_name
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.redaction import redact
from usage_ledger.model.provider import Provider
from usage_ledger.providers import PROVIDERS, provider_named


class ProviderHook(BaseHook):
    """The hook of a provider's connections. A subclass names the provider by its `conn_type`."""

    conn_name_attr = "connection_id"
    conn_type = ""
    default_conn_name = ""
    hook_name = ""

    def __init__(self, connection_id: str = "", **_: Any) -> None:
        super().__init__()
        self.connection_id = connection_id or self.default_conn_name

    def test_connection(self) -> tuple[bool, str]:
        """Whether the key works and sees the account of the form."""
        from usage_ledger.airflow.identity import account_of, file_of, settings_of
        from usage_ledger.airflow.stores import store_path
        from usage_ledger.connections import Connection
        from usage_ledger.core.windows import last_complete_date
        from usage_ledger.http.client import client_for
        from usage_ledger.http.credential import Credential
        from usage_ledger.http.retry import Retries
        from usage_ledger.sources.account import verify_account
        from usage_ledger.sources.source import source_of

        provider = provider_named(self.conn_type)
        stored = self.get_connection(self.connection_id)
        account = account_of(stored.login, stored.extra_dejson)
        if not account:
            return False, "fill in the account: a wrong one would look like an account without usage"
        try:
            file = file_of(provider, account)
            settings = {**(file.settings if file else {}), **settings_of(provider, stored.extra_dejson)}
            stored_only = {setting.name for setting in provider.settings if setting.secret or setting.part_of_key}
            public = {name: value for name, value in settings.items() if name not in stored_only}
            connection = Connection(id=self.connection_id, provider=provider.name, account=account, settings=public)
            credential = Credential(stored.password or "", settings, stored.host or None)
            with client_for(connection, credential, retries=Retries(attempts=1), path_of=store_path) as client:
                untold = verify_account(connection, client)
                if untold or not provider.accounts.id:  # the key may read facts all the same, or no fact at all
                    report = next(one for one in provider.reports if not (one.snapshot or one.opt_in))
                    day = last_complete_date(datetime.now(UTC), connection.day_zone(report))
                    source_of(connection, report, client).verify(day)
        except (UsageLedgerError, ValueError) as error:
            return False, redact(str(error))
        proof = client.answers_tell_account or not (untold or not provider.accounts.id)
        whose = f" and sees account {account}" if proof else "; the provider does not tell whose it is"
        return True, f"the key is valid{whose}" + ("" if file else _file_to_write(provider, account))


def _file_to_write(provider: Provider, account: str) -> str:
    """What is left to do: a stored key alone makes no Dag. The hook does not learn the connection's id."""
    return (
        f"; it has no Dag yet: write `provider: {provider.name}` and `account: {account}` into the file"
        " <connection id>.yaml of include/connections"
    )


def hook_of(provider: Provider) -> type[ProviderHook]:
    """The class that Airflow finds by the name in the provider's connection type."""
    about = {
        "__doc__": f"{provider.title}.",
        "__module__": __name__,
        "conn_type": provider.name,
        "default_conn_name": f"{provider.name}_default",
        "hook_name": provider.title,
    }
    return type(hook_class_name(provider).rpartition(".")[2], (ProviderHook,), about)


globals().update({hook.__name__: hook for hook in map(hook_of, PROVIDERS.values())})
