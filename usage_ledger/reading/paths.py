"""The paths that a row set reads in an answer, and the kind of value at each."""

from functools import cache

from usage_ledger.model.dimension import Derived, Dimension, Lookup, Pairs
from usage_ledger.model.rows import Count, Meter, Money, PriceOf, RowSet
from usage_ledger.model.when import Bucket, Day, Moment, Point

MONEY_PARTS = {"units": "integer", "nanos": "integer", "currencyCode": "text"}
"""The parts of an amount in three fields."""
TEXTS = ("text", "required_text", "flag")
"""The kinds of values that dimensions have."""


def paths_of(row_set: RowSet) -> dict[str, str]:
    """Every path that a row set reads, and the kind of its value."""
    kinds = dict.fromkeys(row_set.sum_over, "text") | _paths_of_day(row_set)
    for dimension in row_set.dimensions:
        if isinstance(dimension, Lookup | Derived):
            kinds = dict.fromkeys(dimension.paths, "text") | kinds
        else:
            kinds |= _paths_of_dimension(dimension)
    kinds = dict.fromkeys(paths_of_names(row_set), "text") | kinds
    kinds |= {name.tags: "json" for name in row_set.names if isinstance(name.tags, str)}
    for price in row_set.prices:
        kinds |= _paths_of_price(price)
    for balance in row_set.balances:
        kinds |= dict.fromkeys([balance.total, *balance.parts], "integer")
    for meter in row_set.meters:
        kinds |= _paths_of_meter(meter)
        if isinstance(meter, Meter):
            kinds = dict.fromkeys(meter.elapsed or (), "text") | kinds
    wheres = [row_set.where, *(meter.where for meter in row_set.meters if isinstance(meter, Meter))]
    kinds = dict.fromkeys([row_set.other_name, *(where.path for where in wheres if where)], "text") | kinds
    kinds = dict.fromkeys([row_set.skip_when_missing, *row_set.ignored], "json") | kinds
    return {path: kind for path, kind in kinds.items() if path and path != "*" and not path.startswith("@")}


def paths_of_names(row_set: RowSet) -> list[str]:
    """The paths that names are read from."""
    several = [one for name in row_set.names for one in (name.id, name.name, name.owner, name.parent, name.tags)]
    return [path for one in several for path in ((one,) if isinstance(one, str) else one) if path]


@cache
def paths_of_texts(row_set: RowSet) -> tuple[str, ...]:
    """The paths whose values decide the dimensions of a row, and what it is split by beside its instant.

    None where a value there is no text: it is read as it is written.
    """
    kinds = paths_of(row_set)
    instant = row_set.when.path if isinstance(row_set.when, Point) else ""
    paths = dict.fromkeys(path for one in row_set.dimensions for path in _paths_of_texts(one))
    paths |= dict.fromkeys(path for path in row_set.sum_over if path != instant)
    plain = all(path == "*" or path.startswith("@") or kinds[path] in TEXTS for path in paths)
    return tuple(paths) if plain else ()


def _paths_of_texts(dimension: Dimension | Pairs | Lookup | Derived) -> tuple[str, ...]:
    return tuple(path for pair in dimension.pairs for path in pair) if isinstance(dimension, Pairs) else dimension.paths


def _paths_of_day(row_set: RowSet) -> dict[str, str]:
    match row_set.when:
        case Bucket(start, end, clock):
            return dict.fromkeys((start, end), "epoch" if clock == "epoch" else "text")
        case Day(path, form):
            return {path: "decimal" if form == "digits" else "text"}
        case Moment(path, event_id, completion):
            return dict.fromkeys((event_id, completion, path), "text")
        case Point(path, clock=clock):
            return {path: "decimal" if clock == "epoch" else "text"}
        case None:
            return {}


def _paths_of_dimension(dimension: Dimension | Pairs) -> dict[str, str]:
    match dimension:
        case Pairs():
            return dict.fromkeys([path for pair in dimension.pairs for path in pair], "text")
        case Dimension():
            optional = dimension.missing in ("blank", "zero")
            kind = "flag" if dimension.form == "flag" else "text" if optional else "required_text"
            return dict.fromkeys(dimension.paths, kind)


def _paths_of_price(price: PriceOf) -> dict[str, str]:
    parts = (part for part in (price.model, price.meter, price.per, price.tier) if not isinstance(part, str) and part)
    kinds = dict.fromkeys([path for part in parts for path in part.paths], "text") | {price.amount: "decimal"}
    return kinds | ({price.also: "json"} if price.also else {})


def _paths_of_meter(meter: Meter | Money | Count) -> dict[str, str]:
    match meter:
        case Money():
            return {f"{meter.path}/{part}": kind for part, kind in MONEY_PARTS.items()}
        case Meter():
            return dict.fromkeys([meter.path, *meter.spellings, *meter.plus], meter.form)
        case Count():
            return {}


def levels_up(path: str) -> int:
    """How many levels above the row a path begins: one for each `^`."""
    return len(path) - len(path.lstrip("^"))


def segments_of(path: str) -> list[tuple[str, bool]]:
    """The fields on the way to a row set's rows: lists, and maps, which a `*` follows."""
    parts = path.split("/")
    return [(name, parts[n + 1 : n + 2] == ["*"]) for n, name in enumerate(parts) if name != "*"]
