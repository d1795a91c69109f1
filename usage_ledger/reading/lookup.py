"""What a list that was landed beside the rows tells of their ids."""

from typing import Any

from usage_ledger.core.errors import Shape
from usage_ledger.json.document import document_of
from usage_ledger.json.text import plain
from usage_ledger.model.declaration import Lookup, Report
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import Manifest, landed_pages


def told_beside(report: Report, manifest: Manifest, folder: AnyPath) -> dict[str, str]:
    """Id to value, of the report's look-up. Raises `Shape`, `RawCorrupt`."""
    lookups = {one.lookup for row_set in report.row_sets for one in row_set.dimensions if one.lookup}
    found: dict[str, str] = {}
    for _, body in landed_pages(folder, manifest, beside=True) if lookups else ():
        document = document_of(plain(body), "the list beside the rows")
        for lookup in lookups:
            found |= dict(_items(lookup, document))
    return found


def _items(lookup: Lookup, document: Any) -> list[tuple[str, str]]:
    items = _at(document, lookup.items)
    if not isinstance(items, list):
        raise Shape(f"`{lookup.items}` of the list beside the rows is no list")
    told = ([_at(item, path) for path in (*lookup.id, lookup.value)] for item in items)
    return [("/".join(texts[:-1]), texts[-1]) for texts in told if all(isinstance(text, str) for text in texts)]


def _at(value: Any, path: str) -> Any:
    for segment in path.split("/"):
        value = value.get(segment) if isinstance(value, dict) else None
    return value
