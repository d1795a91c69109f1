"""Reshape landed bytes into the shape that a report's row sets read; literals stay as sent."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from msgspec import Raw

from usage_ledger.core.contract_errors import Shape
from usage_ledger.core.provider_errors import NotWhole
from usage_ledger.json.problems import problem_of
from usage_ledger.json.text import encoded, plain
from usage_ledger.model.reshape import Columns, Named, Positions, Reshape, Series, Table

Labels = list[dict[str, str]]
"""What each holder of arrays is called by, name to value."""
_OBJECTS = msgspec.json.Decoder(list[dict[str, Raw]])
"""Made once: a type that is named at each call is looked into each time, and there is a call for each row."""


def reshape(
    declared: Reshape | None, parts: Iterator[bytes], *, optional: bool = False, labels: Labels | None = None
) -> Iterator[bytes]:
    """The parts of one page, reshaped as declared; without a declaration as they are.

    A reshape needs the page whole: headers may come after the rows. The list that becomes rows is absent or null only
    where it is `optional`. To `labels` are added those of an answer whose arrays are columns, of a holder without
    elements too: no row has them. Raises `Shape`, `NotWhole`.
    """
    if declared is None:
        yield from parts
        return
    try:
        document = _reshaped(declared, _joined(parts), [] if labels is None else labels, optional=optional)
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise Shape(f"the answer is not of the declared shape: {problem_of(error)}") from error
    yield msgspec.json.encode(document)


def _reshaped(declared: Reshape, fields: dict[str, Raw], labels: Labels, *, optional: bool) -> dict[str, Any]:
    match declared:
        case Table():
            return {"rows": _table(declared, fields, optional=optional)}
        case Series():
            return {"rows": _series(declared, fields, optional=optional)}
        case Columns():
            return {"rows": _columns(declared, fields, labels, optional=optional)}
        case Positions():
            return _positions(declared, fields)
        case Named():
            return _with_objects(declared, fields, declared.path.split("/"))


def _joined(parts: Iterator[bytes]) -> dict[str, Raw]:
    """The outermost fields; a list that is split over parts is joined."""
    fields: dict[str, Raw] = {}
    for part in parts:
        for name, value in msgspec.json.decode(encoded(plain(part)), type=dict[str, Raw]).items():
            if name in fields:
                items = [item for one in (fields[name], value) for item in msgspec.json.decode(one, type=list[Raw])]
                value = Raw(msgspec.json.encode(items))
            fields[name] = value
    return fields


def _at(fields: dict[str, Raw], path: str) -> Raw:
    head, *rest = path.split("/")
    value = fields[head]
    for name in rest:
        value = msgspec.json.decode(value, type=dict[str, Raw])[name]
    return value


def _list_at(fields: dict[str, Raw], path: str, *, optional: bool) -> Raw:
    """The list with what becomes rows. Raises `NotWhole` where it is absent or null, and not optional."""
    try:
        value = _at(fields, path)
    except (KeyError, msgspec.ValidationError):
        value = Raw(b"null")
    if bytes(value) != b"null":
        return value
    if optional:
        return Raw(b"[]")
    raise NotWhole(f"the answer has no `{path}`, which the provider always sends: that is no empty list")


def _table(declared: Table, fields: dict[str, Raw], *, optional: bool) -> list[dict[str, Raw]]:
    rows = _arrays(declared, _list_at(fields, declared.rows, optional=optional or _says_empty(declared, fields)))
    if optional and not rows:
        return []
    headers = msgspec.json.decode(_at(fields, declared.columns), type=list[dict[str, Raw]])
    names = [msgspec.json.decode(header["name"], type=str) for header in headers]
    if len(set(names)) != len(names):
        raise ValueError(f"`{declared.columns}` names a column twice")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _says_empty(declared: Table, fields: dict[str, Raw]) -> bool:
    """Whether the answer says of itself that it has no rows."""
    if declared.empty is None:
        return False
    field, value = declared.empty
    return bool(msgspec.json.decode(fields.get(field, Raw(b"null"))) == value)


def _arrays(declared: Table, raw: Raw) -> list[list[Raw]]:
    """The rows' arrays of values."""
    if declared.cells is None:
        return msgspec.json.decode(raw, type=list[list[Raw]])
    array, value = declared.cells
    return [[cell[value] for cell in _OBJECTS.decode(row[array])] for row in _OBJECTS.decode(raw)]


def _series(declared: Series, fields: dict[str, Raw], *, optional: bool) -> list[dict[str, Raw]]:
    rows = []
    for series in msgspec.json.decode(_list_at(fields, declared.path, optional=optional), type=list[dict[str, Raw]]):
        labels = msgspec.json.decode(series[declared.labels], type=dict[str, Raw])
        if clashes := {"time", "value"} & labels.keys():
            raise ValueError(f"a label of `{declared.path}` is called {', '.join(sorted(clashes))}")
        points = msgspec.json.decode(series[declared.points], type=list[list[Raw]])
        if any(len(point) != 2 for point in points):
            raise ValueError(f"a point of `{declared.points}` is not a time and a value")
        rows += [{**labels, "time": time, "value": value} for time, value in points]
    return rows


def _columns(declared: Columns, fields: dict[str, Raw], labels: Labels, *, optional: bool) -> list[dict[str, Any]]:
    rows = []
    names = {name: None for _, name in declared.arrays}
    for label, *arrays in _holders(declared, _list_at(fields, declared.path, optional=optional)):
        own = _labels(label)
        if not names.keys().isdisjoint(own):
            clashes = ", ".join(sorted(names.keys() & own.keys()))
            raise ValueError(f"a label of `{declared.path}` names {clashes}")
        if len({*map(len, arrays)}) > 1:
            sizes = [f"{len(array)} of `{name}`" for name, array in zip(names, arrays, strict=True)]
            raise ValueError(f"arrays of `{declared.path}` differ in length: {' and '.join(sizes)}")
        labels.append(own)
        rows += [own | dict(zip(names, row, strict=True)) for row in zip(*arrays, strict=True)]
    return rows


def _holders(declared: Columns, raw: Raw) -> Iterator[tuple[Any, ...]]:
    """The label of each element, and its arrays."""
    return map(msgspec.structs.astuple, msgspec.json.decode(raw, type=_list_of_holders(declared)))


@cache
def _list_of_holders(declared: Columns) -> Any:
    fields: list[Any] = [("f0", str, msgspec.field(name=declared.label))]
    fields += [(f"f{n}", list[Raw], msgspec.field(name=field)) for n, (field, _) in enumerate(declared.arrays, 1)]
    return list[msgspec.defstruct("Holder", fields)]  # type: ignore[misc]


def _labels(text: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    for pair in text.split("|"):
        name, sign, value = pair.partition("=")
        if not (name and sign):
            raise ValueError(f"the label {text[:80]!r} is not the one that was sent")
        if name in labels:
            raise ValueError(f"the label {text[:80]!r} has a name twice")
        labels[name] = value
    return labels


def _positions(declared: Positions, fields: dict[str, Raw]) -> dict[str, Raw]:
    head, *rest = declared.path.split("/")
    return {**fields, head: _named(fields[head], rest, declared)} if head in fields else fields


def _named(value: Raw, rest: list[str], declared: Positions) -> Raw:
    """A list of objects, each with its list as an object, at the end of a path of lists and fields.

    A list of objects that is absent or null stays so, for who reads the rows to name it.
    """
    objects = []
    for one in msgspec.json.decode(value, type=list[dict[str, Raw]] | None) or ():
        if not rest:
            items = msgspec.json.decode(one[declared.field], type=list[Raw])
            one[declared.field] = Raw(msgspec.json.encode(dict(zip(declared.names, items, strict=True))))
        elif rest[1] in one:
            one[rest[1]] = _named(one[rest[1]], rest[2:], declared)
        objects.append(one)
    return Raw(msgspec.json.encode(objects)) if objects else value


def _with_objects(declared: Named, fields: dict[str, Raw], path: list[str]) -> dict[str, Raw]:
    """The fields, the lists at a path made objects. What is absent or null stays so."""
    head, *rest = path
    value = fields.get(head)
    if value is None or bytes(value) == b"null":
        return fields
    if not rest:
        objects: Any = _object(declared, msgspec.json.decode(value, type=list[dict[str, Raw]]))
    elif rest[0] == "*":
        holders = msgspec.json.decode(value, type=list[dict[str, Raw]])
        objects = [_with_objects(declared, holder, rest[1:]) for holder in holders]
    else:
        objects = _with_objects(declared, msgspec.json.decode(value, type=dict[str, Raw]), rest)
    return {**fields, head: Raw(msgspec.json.encode(objects))}


def _object(declared: Named, items: list[dict[str, Raw]]) -> dict[str, Raw]:
    names = [msgspec.json.decode(_at(item, declared.name), type=str).lower() for item in items]
    if len(set(names)) != len(names):
        raise ValueError(f"a list at `{declared.path}` has a name twice")
    return {name: _at(item, declared.value) for name, item in zip(names, items, strict=True)}
