"""Which loads the asset events of a connection have told of.

Airflow takes events from tasks that succeed alone: what a run that ends red has loaded is told of by the next one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from usage_ledger.contracts.registry import contract
from usage_ledger.warehouse.loads import execute, query


@dataclass(frozen=True, slots=True)
class Unannounced:
    """The ids of loads that no event told of; `earlier` are those of other runs than the one that asks."""

    load_ids: Sequence[str]
    earlier: Sequence[str]


def unannounced(engine: Engine, connection_id: str, run_id: str) -> Unannounced:
    """The loads of a connection that no event told of, of this run and of earlier runs and commands."""
    rows = query(engine, "ops/unannounced_loads", {"connection_id": connection_id, "run_id": run_id})
    return Unannounced([load_id for load_id, _ in rows], [load_id for load_id, is_earlier in rows if is_earlier])


def rows_written(
    engine: Engine, connection_id: str, run_id: str, tables: Iterable[str], load_ids: Sequence[str] = ()
) -> dict[str, int]:
    """How many current rows of each table were written by a run's loads, in any of their tries, or by these loads."""
    values = {"connection_id": connection_id, "run_id": run_id, "load_ids": list(load_ids)}
    return {name: int(query(engine, "ops/rows_written", values, contract(name))[0][0]) for name in tables}


def mark_announced(engine: Engine, load_ids: Sequence[str]) -> None:
    """Record that an event tells of these loads."""
    if load_ids:
        execute(engine, "ops/announce_loads", {"load_ids": list(load_ids)})
