"""Remembers since when a connection asks with its present key, without the key."""

import logging

from sqlalchemy import Engine

from usage_ledger.core.errors import ConfigError
from usage_ledger.http.client import Client
from usage_ledger.http.credential import key_tag
from usage_ledger.warehouse.loads import execute

log = logging.getLogger(__name__)


def remember_key(connection_id: str, client: Client, engine: Engine, *, answered: bool = True) -> None:
    """Record in `ops.credential` that the client's key was answered; an identity without a key has no row.

    Where the deployment's key for tags cannot be had, nothing is known of the provider's key, and no run fails for it.
    Raises `WarehouseDown`, `WarehouseRefused`.
    """
    try:
        tags = key_tag(client.credential, connection_id) if answered else None
    except ConfigError as error:
        log.info("the age of the key is not recorded: %s", error)
        return
    if tags:
        execute(engine, "ops/use_key", {"connection_id": connection_id, **tags})
