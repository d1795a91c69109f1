"""Values for the ids in rows, from the lookup pages that were landed with them."""

from typing import Any

from usage_ledger.core.contract_errors import Shape
from usage_ledger.json.document import document_of
from usage_ledger.json.text import plain
from usage_ledger.model.dimension import Lookup
from usage_ledger.model.provider import Report
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import landed_pages
from usage_ledger.storage.manifest import Manifest


def load_lookup(report: Report, manifest: Manifest, folder: AnyPath) -> dict[str, str]:
    """Id to value, of the report's lookup. Raises `Shape`, `RawCorrupt`."""
    lookups = {one for row_set in report.row_sets for one in row_set.dimensions if isinstance(one, Lookup)}
    values: dict[str, str] = {}
    for _, body in landed_pages(folder, manifest, "lookup") if lookups else ():
        document = document_of(plain(body), "the lookup list")
        for lookup in lookups:
            values |= dict(_items(lookup, document))
    return values


def _items(lookup: Lookup, document: Any) -> list[tuple[str, str]]:
    items = _at(document, lookup.items)
    if not isinstance(items, list):
        raise Shape(f"`{lookup.items}` of the lookup list is not a list")
    rows = ([_at(item, path) for path in (*lookup.id, lookup.value)] for item in items)
    return [("/".join(texts[:-1]), texts[-1]) for texts in rows if all(isinstance(text, str) for text in texts)]


def _at(value: Any, path: str) -> Any:
    for segment in path.split("/"):
        value = value.get(segment) if isinstance(value, dict) else None
    return value
