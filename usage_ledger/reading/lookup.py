"""Values for the ids in rows, from the lookup pages that were landed with them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
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
    items: dict[Lookup, list[tuple[str, str, bool]]] = {lookup: [] for lookup in lookups}
    for page, body in landed_pages(folder, manifest, "lookup") if lookups else ():
        document = document_of(plain(body), "the lookup list")
        for lookup in lookups:
            items[lookup] += _items(lookup, document, page.labels)
    return {lookup: _preferred(of_lookup) if lookup.prefer else _last(of_lookup) for lookup, of_lookup in items.items()}


def value_paths(lookup: Lookup) -> tuple[str, ...]:
    """The paths of the value, in an item."""
    return (lookup.value,) if isinstance(lookup.value, str) else lookup.value


def _last(items: Iterable[tuple[str, str, bool]]) -> dict[str, str]:
    return {id_: value for id_, value, _ in items}


def _preferred(items: Iterable[tuple[str, str, bool]]) -> dict[str, str]:
    """The one value of each id: that of its preferred items, or of all where none is preferred."""
    values: dict[tuple[str, bool], set[str]] = defaultdict(set)
    for id_, value, preferred in items:
        values[id_, preferred].add(value)
    chosen = {id_: values.get((id_, True)) or values[id_, False] for id_, _ in values}
    return {id_: next(iter(of_id)) for id_, of_id in chosen.items() if len(of_id) == 1}


def _items(lookup: Lookup, document: Any, labels: Mapping[str, str]) -> Iterator[tuple[str, str, bool]]:
    """Id and value of each item that has both, and whether it is preferred."""
    items = _at(document, lookup.items)
    if not isinstance(items, list):
        raise Shape(f"`{lookup.items}` of the lookup list is not a list")
    for item in items:
        ids = [labels.get(path[1:]) if path.startswith("@") else _at(item, path) for path in lookup.id]
        values = (value for path in value_paths(lookup) if isinstance(value := _at(item, path), str) and value)
        texts, value = [text for text in ids if isinstance(text, str)], next(values, None)
        if len(texts) == len(ids) and value is not None:
            preferred = lookup.prefer and lookup.prefer.matches(str(_at(item, lookup.prefer.path) or ""))
            yield _key(lookup, "/".join(texts)), value, bool(preferred)


def _key(lookup: Lookup, text: str) -> str:
    return text.lower() if lookup.any_case else text


def _at(value: Any, path: str) -> Any:
    for segment in path.split("/"):
        value = value.get(segment) if isinstance(value, dict) else None
    return value
