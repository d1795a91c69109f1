"""Values for the ids in rows, from the lookup pages that were landed with them."""

from collections.abc import Mapping
from typing import Any

from usage_ledger.core.contract_errors import Shape
from usage_ledger.json.document import document_of
from usage_ledger.json.text import plain
from usage_ledger.model.dimension import Lookup
from usage_ledger.model.provider import Report
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import landed_pages
from usage_ledger.storage.manifest import Manifest


def load_lookups(report: Report, manifest: Manifest, folder: AnyPath) -> dict[Lookup, dict[str, str]]:
    """Id to value, of each of the report's lookups. Raises `Shape`, `RawCorrupt`."""
    lookups = {one for row_set in report.row_sets for one in row_set.dimensions if isinstance(one, Lookup)}
    values: dict[Lookup, dict[str, str]] = {lookup: {} for lookup in lookups}
    for page, body in landed_pages(folder, manifest, "lookup") if lookups else ():
        document = document_of(plain(body), "the lookup list")
        for lookup in lookups:
            values[lookup] |= dict(_items(lookup, document, page.labels))
    return values


def _items(lookup: Lookup, document: Any, labels: Mapping[str, str]) -> list[tuple[str, str]]:
    items = _at(document, lookup.items)
    if not isinstance(items, list):
        raise Shape(f"`{lookup.items}` of the lookup list is not a list")
    rows = [
        [labels.get(path[1:]) if path.startswith("@") else _at(item, path) for path in (*lookup.id, lookup.value)]
        for item in items
    ]
    whole = [[text for text in row if isinstance(text, str)] for row in rows]
    return [(_key(lookup, "/".join(ids)), value) for *ids, value in whole if len(ids) == len(lookup.id)]


def _key(lookup: Lookup, text: str) -> str:
    return text.lower() if lookup.any_case else text


def _at(value: Any, path: str) -> Any:
    for segment in path.split("/"):
        value = value.get(segment) if isinstance(value, dict) else None
    return value
