"""The family of each model: the name under which usage, bill and prices are compared."""

import hashlib
from collections.abc import Iterable

import pyarrow as pa
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.providers import PROVIDERS
from usage_ledger.storage.staged import StagedRows
from usage_ledger.warehouse.incoming import Incoming
from usage_ledger.warehouse.sql import statement

MODEL = "model"


def record_models(cursor: Cursor, incoming: Incoming) -> None:
    """Write the families of the staged rows' models, and of the ids of which a staged name says what they stand for."""
    models = {model for rows in incoming.tables.values() for model in _models(rows)}
    if incoming.names is not None:
        models |= _aliases(incoming.names)
    if incoming.provider in PROVIDERS and models:
        values = {"provider": incoming.provider, "models": sorted(models)}
        cursor.execute(statement("load/models"), incoming.values | values)
        _write(cursor, incoming.provider, cursor.fetchall())


def correct_families(cursor: Cursor) -> None:
    """Make every family what the rules say now."""
    for provider in PROVIDERS:
        cursor.execute(statement("schema/models"), {"provider": provider})
        _write(cursor, provider, cursor.fetchall())


def rules_of_families() -> str:
    """A hash of the rules of all providers."""
    rules = {name: provider.families for name, provider in sorted(PROVIDERS.items())}
    return hashlib.sha256(repr(rules).encode()).hexdigest()


def _write(cursor: Cursor, provider: str, models: Iterable[tuple[str, str, str | None]]) -> None:
    """Write those that differ: a row that is written waits for other loads that write it."""
    families = [(model, PROVIDERS[provider].family(of), written) for model, of, written in models]
    changed = [(model, family) for model, family, written in families if family != written]
    if changed:
        names, families_of = (list(column) for column in zip(*changed, strict=True))
        values = {"provider": provider, "models": names, "families": families_of}
        cursor.execute(statement("load/record_models"), values)


def _models(rows: StagedRows) -> set[str]:
    """The models of rows, of the dictionary of each row group."""
    if MODEL in rows.constants:
        return {rows.constants[MODEL]} - {"", None}
    return {model for table in rows.tables([MODEL]) for model in table.column(MODEL).unique().to_pylist()} - {"", None}


def _aliases(names: pa.Table) -> set[str]:
    """The ids of models of which a list says which other model each stands for."""
    columns = (names.column(name).to_pylist() for name in ("kind", "id", "parent_id"))
    return {id_ for kind, id_, parent in zip(*columns, strict=True) if kind == MODEL and parent}
