"""Groups of things that are asked for in one request."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from usage_ledger.core.contract_errors import Shape
from usage_ledger.model.source import Batch
from usage_ledger.sources.listing import Labels, Thing


def groups(things: Iterable[Thing], batch: Batch, label: str) -> Iterator[tuple[Labels, list[Any]]]:
    """What each request asks for, with the labels of the outer lists: in the same groups whatever the list's order.

    `label` is that of a thing itself. Raises `Shape` for an item that `each` cannot read.
    """
    by_outer: dict[tuple[tuple[str, str], ...], dict[str, Mapping[str, Any]]] = {}
    for thing in things:
        one = _object(batch, thing.item, 0)
        if one is not None:
            inner = (label, *batch.mixed)
            outer = tuple((name, value) for name, value in thing.labels.items() if name not in inner)
            by_outer.setdefault(outer, {}).setdefault(json.dumps(one, sort_keys=True), thing.item)
    for outer, items in by_outer.items():
        ordered = [items[key] for key in sorted(items)]
        for at in range(0, len(ordered), batch.size):
            group = ordered[at : at + batch.size]
            yield dict(outer), [_object(batch, item, number) for number, item in enumerate(group)]


def _object(batch: Batch, item: Mapping[str, Any], number: int) -> Any:
    try:
        return batch.each(item, number)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise Shape("an item of the list is not of the shape that its batch is made of") from error
