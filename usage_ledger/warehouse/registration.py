"""Registers connections: one account belongs to one connection, whose account and time zone stay the same."""

from collections.abc import Mapping
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.core.errors import ConfigError
from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.sql import statement


def register(
    engine: Engine, connection_id: str, provider: str, account_id: str, timezone: str, reports: Mapping[str, int]
) -> None:
    """Make the connection known with the reports that it fetches from now on, or check that it is still the same.

    `reports` has the look-back of each, in days. Raises `ConfigError` when another connection has the account, living
    or with rows that a new one would count again, when the account or provider of a known id changed, or when the time
    zone changed over loaded days.
    """
    values = {
        "connection_id": connection_id,
        "provider": provider,
        "account_id": account_id,
        "timezone": timezone,
        "reports": list(reports),
        "lookbacks": list(reports.values()),
    }

    def work(cursor: Cursor) -> None:
        _require_one_connection(cursor, values)
        cursor.execute(statement("ops/connection_by_id"), values)
        for provider_before, account_before, zone_before, has_rows in cursor.fetchall():
            if (provider_before, account_before) != (provider, account_id):
                raise ConfigError(
                    f"connection {connection_id} holds account {account_before} of {provider_before}",
                    next_step="give the other account an id of its own",
                )
            if zone_before != timezone and has_rows:
                raise ConfigError(
                    f"connection {connection_id} holds days of {zone_before}, but its file now says {timezone}",
                    next_step=f"restore timezone: {zone_before}",
                )
        for name in ("ops/register_connection", "ops/list_reports", "ops/mark_reports"):
            cursor.execute(statement(name), values)

    in_transaction(engine, work)


def _require_one_connection(cursor: Cursor, values: Mapping[str, Any]) -> None:
    cursor.execute(statement("ops/connection_of_account"), values)
    for other, retired in cursor.fetchall():
        raise ConfigError(
            f"account {values['account_id']} of {values['provider']} is already loaded by connection {other}",
            connection=values["connection_id"],
            next_step=f"connect it as {other} again: the ledger holds its rows" if retired else f"use {other}",
        )
