"""Brings the price book up to date with the files of prices, the vendors' lists and the bills."""

import hashlib
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.core.project import CATALOGUES, home, prices_folder
from usage_ledger.money.bill_prices import derive_within
from usage_ledger.money.catalogue import RANKS, catalogue_file, read_catalogue
from usage_ledger.money.conflicts import record_conflicts
from usage_ledger.money.contract_prices import Line, read_contracts
from usage_ledger.money.families import family_of
from usage_ledger.money.price_checks import check_neighbours, doubts
from usage_ledger.money.who import who
from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.models import rules_of_families
from usage_ledger.warehouse.price_book import Price, record_prices
from usage_ledger.warehouse.schema import ensure_schema
from usage_ledger.warehouse.sql import statement

FILES, BILL = "files", "bill of "
"""What the price book is brought up to date with: the marks in `ops.price_file`, for each connection's bill its own."""


def apply_prices(engine: Engine) -> list[str]:
    """Make the price book say what files and bills say; a sentence for each change and each doubt.

    Cheap where nothing is new. Raises `ConfigError` for a file with a mistake, before anything is written.
    """
    ensure_schema(engine)

    def work(cursor: Cursor) -> list[str]:
        sentences, written = _apply_files(cursor)
        return [*sentences, *_apply_bills(cursor, of_new_files=written)]

    return in_transaction(engine, work)


def check_prices(cursor: Cursor | None = None) -> list[str]:
    """Read all files of prices; the doubts about them, by the warehouse's models too. Raises `ConfigError`."""
    return _read(prices_folder(), cursor)[2]


def _apply_files(cursor: Cursor) -> tuple[list[str], bool]:
    """What is to be said, and whether the files were new."""
    folder = prices_folder()
    content = _digest(folder)
    if _applied(cursor, FILES) == content:
        return [], False
    lines, listed, sentences = _read(folder, cursor)
    counts: dict[str, int] = {}
    by_file: dict[str, list[Price]] = defaultdict(list)
    for line in lines:
        by_file[line.file.path.name].append(line.price)
    cursor.execute(statement("prices/contract_sources"))
    for source in sorted({*by_file, *(source for (source,) in cursor.fetchall())}):
        counts[source] = record_prices(cursor, by_file[source], origin="contract", rank=1, source=source, who=who())
    for source, rows in listed.items():
        rank = RANKS[source]
        counts[source] = record_prices(cursor, rows, origin="catalogue", rank=rank, source=source, who=who())
    _record_applied(cursor, FILES, content)
    changed = [f"{source}: {count} rows of the price book changed" for source, count in counts.items() if count]
    return [*changed, *sentences], True


def _apply_bills(cursor: Cursor, *, of_new_files: bool) -> list[str]:
    """Derive prices where loads, contracts or lists are new; tell of conflicts where any price is."""
    cursor.execute(statement("prices/news"), {"prefix": BILL})
    news = cursor.fetchall()
    if not news and not of_new_files:
        return []
    count = 0
    for connection_id, content in news:
        count += derive_within(cursor, connection_id)
        _record_applied(cursor, BILL + connection_id, content)
    conflicts = record_conflicts(cursor)
    sentences = [f"bills: {count} rows of the price book changed"] if count else []
    if conflicts:
        sentences.append(f"{conflicts} prices in use differ between their sources: see marts.price_conflicts")
    return sentences


def _applied(cursor: Cursor, name: str) -> str:
    cursor.execute(statement("prices/applied"), {"name": name})
    return "".join(content for (content,) in cursor.fetchall())


def _record_applied(cursor: Cursor, name: str, content: str) -> None:
    cursor.execute(statement("prices/record_applied"), {"name": name, "content": content, "who": who()})


def _read(folder: Path, cursor: Cursor | None) -> tuple[list[Line], dict[str, list[Price]], list[str]]:
    """The contracts, the catalogues' prices, and the doubts about the contracts."""
    lines = read_contracts(folder)
    path = _catalogue(folder)
    listed = read_catalogue(path) if path else {source: [] for source in RANKS}
    listed = {
        source: [replace(row, family=family_of(row.provider, row.model)) for row in rows]
        for source, rows in listed.items()
    }
    others = [row for rows in listed.values() for row in rows]
    models: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in others:
        models[row.provider].add((row.model, row.family))
    connections: dict[str, str] | None = None
    if cursor:
        cursor.execute(statement("prices/others"))
        others += [Price(*row) for row in cursor.fetchall()]
        cursor.execute(statement("prices/models"))
        for provider, model, family in cursor.fetchall():
            models[provider].add((model, family))
        cursor.execute(statement("prices/connections"))
        connections = dict(cursor.fetchall())
    check_neighbours(lines, others)
    return lines, listed, doubts(lines, models, connections)


def _catalogue(folder: Path) -> Path | None:
    """The newest file of public prices: in the folder, and where that is not of its own choice, with the package's."""
    paths = [catalogue_file(one) for one in {folder} | ({CATALOGUES} if folder.is_relative_to(home()) else set())]
    return max(filter(None, paths), key=lambda path: path.name, default=None)


def _digest(folder: Path) -> str:
    """The content of all files of prices, and of the rules by which models are of a family."""
    digest = hashlib.sha256(rules_of_families().encode())
    catalogue = _catalogue(folder)
    for path in sorted((*folder.glob("*.yaml"), *([catalogue] if catalogue else []))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
