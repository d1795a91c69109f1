"""What the price book says of a provider's models, now or as it was."""

from datetime import date, datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.core.errors import ConfigError
from usage_ledger.money.contract_prices import nearest
from usage_ledger.money.families import family_of, fits
from usage_ledger.providers import PROVIDERS
from usage_ledger.warehouse.price_book import OPEN
from usage_ledger.warehouse.sql import statement

COLUMNS = (
    "model", "meter", "tier", "context_from", "region", "host", "amount", "per", "currency", "from", "until", "rank",
    "source", "connection",
)  # fmt: skip


def list_prices(
    cursor: Cursor, name: str, *, model: str | None = None, day: date | None = None, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """The prices of a provider, or for a connection: of one model, or of those that the ledger has facts of.

    Raises `ConfigError` for a name of neither.
    """
    cursor.execute(statement("prices/connections"))
    connections = dict(cursor.fetchall())
    provider = connections.get(name, name)
    if provider not in PROVIDERS:
        names = sorted({*connections, *PROVIDERS})
        like = ", ".join(nearest(name, names, 3) or names)
        raise ConfigError(f"{name!r} is neither a connection nor a provider", next_step=f"name one of: {like}")
    if model is None:
        cursor.execute(statement("prices/models"))
        models = [(id_, family) for of, id_, family in cursor.fetchall() if of == provider] + [("", "")]
    else:
        models = [(model, family_of(provider, model))]
    connection_id = name if name in connections else None
    values = {"provider": provider, "connection_id": connection_id, "date": day, "as_of": as_of}
    cursor.execute(statement("prices/book"), values)
    return [
        dict(zip(COLUMNS, _blank_ends(row), strict=False))
        for row in cursor.fetchall()
        if row[1] == "accelerator_seconds" or any(fits(row[0], row[14], *one) for one in models)
    ]


def _blank_ends(row: tuple[Any, ...]) -> list[Any]:
    return [None if value in (date.min, OPEN) else value for value in row]
