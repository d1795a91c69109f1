"""Connection types: what the Test button of the Airflow UI does."""

from typing import Any

from airflow.sdk import BaseHook

from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.redaction import redact
from usage_ledger.providers import provider_named


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
        from usage_ledger.http.address import base_url
        from usage_ledger.http.client import Client
        from usage_ledger.http.retry import Retries

        provider = provider_named(self.conn_type)
        stored = self.get_connection(self.connection_id)
        account = str(stored.extra_dejson.get("account") or "")
        if not account:
            return False, "fill in the account: a wrong one would look like an account without usage"
        try:
            url = base_url(provider, stored.host)
            key = stored.password or ""
            with Client(provider, base_url=url, key=key, account=account, retries=Retries(attempts=1)) as client:
                seen = [one for _, page in client.listed(provider.accounts) for one in page]
        except UsageLedgerError as error:
            return False, redact(str(error))
        if account not in seen:
            return (
                False,
                f"the key is valid but does not see account {account}; it sees: {', '.join(seen[:10]) or 'none'}",
            )
        return True, f"the key is valid and sees account {account}"


class FireworksHook(ProviderHook):
    """Fireworks AI."""

    conn_type = "fireworks"
    default_conn_name = "fireworks_default"
    hook_name = "Fireworks AI"
