"""A file of single events that a person exports from the vendor: CSV, its columns by the names of its header."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventSum:
    """Events of one kind, added up by UTC day as the API has them. The first kind that fits an event counts."""

    usage_types: tuple[str, ...]
    """The ledger's, that they are compared with."""
    dimensions: tuple[tuple[str, str], ...]
    """Columns of the ledger and of the file."""
    meters: tuple[tuple[str, str], ...]
    where: str = ""
    """The column of the file that has a value in events of this kind; '' is every other event."""


@dataclass(frozen=True, slots=True)
class Split:
    """A count and its two parts. A file may lack them; in a row without them all of it is the second part."""

    total: str
    first: str
    rest: str


@dataclass(frozen=True, slots=True)
class EventFile:
    """What the columns of the file mean."""

    command: str
    """How a person gets it."""
    begins: str
    """The column of the event's first instant, whose UTC date counts."""
    ends: str
    instant: str
    """How instants of UTC are written, in the words of `strptime`."""
    counts: tuple[str, ...]
    """Columns of whole numbers; blank is 0."""
    decimals: tuple[str, ...]
    split: Split
    people: tuple[str, ...]
    """Columns whose values identify a person: a pseudonym takes the place of each."""
    others: tuple[str, ...]
    """Columns that may be there and are not read."""
    sums: tuple[EventSum, ...]

    @property
    def required(self) -> tuple[str, ...]:
        """The columns without which the file cannot be read."""
        read = [column for one in self.sums for _, column in (*one.dimensions, *one.meters)]
        columns = dict.fromkeys((self.begins, self.ends, *read, *self.counts, *self.decimals))
        return tuple(column for column in columns if column not in (self.split.first, self.split.rest))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that may be in it."""
        return (*self.people, *self.required, *self.others, self.split.first, self.split.rest)
