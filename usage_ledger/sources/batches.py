"""Groups of things that are asked for in one request."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from usage_ledger.core.contract_errors import Shape
from usage_ledger.core.provider_errors import NotWhole
from usage_ledger.http.page import Page
from usage_ledger.json.document import document_of
from usage_ledger.json.text import plain
from usage_ledger.model.source import Batch, Forgotten
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


def remembered(forgotten: Forgotten, thing: Thing, label: str) -> list[Thing]:
    """What the forgetful list would name for a thing of another list, whose own label is `label`. Raises `Shape`."""
    labels = {name: value for name, value in thing.labels.items() if name != label}
    return [Thing(labels, item) for item in _read(forgotten.items, thing.item)]


class Answers:
    """Whether each object of a batch is answered on one of its pages."""

    def __init__(self, batch: Batch | None, objects: Sequence[Any]) -> None:
        self._list, self._name = batch.answers if batch else ("", "")
        self._missing = [one[self._name] for one in objects] if self._list else []

    def add(self, page: Page) -> None:
        """Look at a page. One that is no object, or of another shape, is named by who reads it."""
        if self._missing:
            document = document_of(plain(bytes(page.body)), "the answer")
            answers = document.get(self._list) if isinstance(document, dict) else None
            objects = [one for one in answers if isinstance(one, dict)] if isinstance(answers, list) else []
            names = [one.get(self._name) for one in objects]
            self._missing = [name for name in self._missing if name not in names]

    def require_all(self) -> None:
        """Raises `NotWhole`."""
        if self._missing:
            count = len(self._missing)
            raise NotWhole(f"`{self._list}` lacks {count} of what was asked for, such as {self._missing[0]!r}")


def _object(batch: Batch, item: Mapping[str, Any], number: int) -> Any:
    return _read(batch.each, item, number)


def _read(function: Callable[..., Any], item: Mapping[str, Any], *more: int) -> Any:
    try:
        return function(item, *more)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise Shape("an item of the list is not of the shape that its batch is made of") from error
