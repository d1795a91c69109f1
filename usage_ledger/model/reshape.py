"""How landed bytes become the shape that row sets read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that are arrays, addressed by column headers: they become objects in a list `rows`, literals untouched."""

    columns: str
    """The path of the list of headers, objects with a `name`."""
    rows: str
    """The path of the list of arrays."""
    cells: tuple[str, str] | None = None
    """Where a row is an object: its field with the array, and the field of each element with the value."""
    empty: tuple[str, str] | None = None
    """A field, and its value that says that there are no arrays: only then may their list be absent."""


@dataclass(frozen=True, slots=True)
class Series:
    """Label sets with points `[time, value]`: they become one object a point in a list `rows`, literals untouched.

    An object has the labels, and `time` and `value` as sent.
    """

    path: str
    """The list of series."""
    labels: str
    """The field with a series' labels, an object of strings."""
    points: str
    """The field with its points."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Objects whose arrays are columns of one length: they become one object a place in a list `rows`.

    Literals stay as sent. An object has the names and values of its holder's label, which the request chose and the
    answer repeats, and an element of each array by its name.
    """

    path: str
    """The list of holders."""
    label: str
    """The field with a holder's label: `name=value` pairs with `|` between them."""
    arrays: tuple[tuple[str, str], ...]
    """The field of each array, and what its elements are called in a row."""


@dataclass(frozen=True, slots=True)
class Positions:
    """Objects with a list whose places have a meaning: it becomes an object with a name for each place.

    All else stays as it is.
    """

    path: str
    """The list of objects, through lists: `days/*/groups`."""
    field: str
    """The field with the list."""
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """Lists of names with values: each becomes an object of them, where it stands; literals stay as sent.

    Names become lower case, as a vendor that compares them so may write them either way.
    """

    path: str
    """Of the lists; `*` is each element of a list: `value/*/labels`."""
    name: str
    """The path of an item's name."""
    value: str
    """The path of an item's value."""


Reshape = Table | Series | Columns | Positions | Named
"""Landed bytes to bytes, before decoding."""
