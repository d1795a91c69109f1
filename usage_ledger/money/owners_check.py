"""What a person should look at in `include/owners.yaml`: ids that the ledger does not have, and what nobody owns."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine

from usage_ledger.connections import connection_files
from usage_ledger.money.owners_file import Owners, nearest
from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.sql import statement


@dataclass(frozen=True, slots=True)
class Unowned:
    """A thing with cost or metered use on dates on which no rule owned it; without a bill, without an amount."""

    connection_id: str
    kind: str
    id: str
    name: str
    currency: str | None
    amount: Decimal | None
    last_date: date


def unknown_ids(engine: Engine, owners: Owners) -> list[str]:
    """A warning for each rule that names what the ledger does not have, with the nearest that it has."""
    with transaction(engine) as cursor:
        cursor.execute(statement("owners/ids"))
        rows = cursor.fetchall()
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for connection_id, kind, name in rows:
        for scope in ("", connection_id):
            ids[scope, kind].add(name)
    ids["", "connection"] |= {path.stem for path in connection_files()}
    return list(_warnings(owners, ids))


def _warnings(owners: Owners, ids: dict[tuple[str, str], set[str]]) -> Iterator[str]:
    connections = ids["", "connection"]
    for rule in owners.rules:
        if rule.connection_id and rule.connection_id not in connections:
            near = nearest(rule.connection_id, connections)
            what = f"there is no connection `{rule.connection_id}`{near}"
            yield owners.file.problem((*rule.keys, "connection"), what).what
        elif rule.kind != "connection" and rule.id not in ids[rule.connection_id, rule.kind]:
            near = nearest(rule.id, ids[rule.connection_id, rule.kind])
            what = f"the ledger has no {rule.kind.replace('_', ' ')} `{rule.id}`{near}"
            yield owners.file.problem((*rule.keys, rule.kind), what).what


def unowned(engine: Engine) -> list[Unowned]:
    """What nobody owns by the rules as they are applied, most money first."""
    with transaction(engine) as cursor:
        cursor.execute(statement("owners/unowned"))
        return [Unowned(*row) for row in cursor.fetchall()]
