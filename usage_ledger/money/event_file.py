"""Reads a file of events in constant memory: checks every row, hides people, and adds the events up by UTC day."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import IO

from usage_ledger.core.errors import ConfigError, UsageLedgerError
from usage_ledger.core.numbers import EXACT, decimal, integer
from usage_ledger.core.pseudonym import hide_addresses, pseudonym
from usage_ledger.json.packed import Packed
from usage_ledger.model.event_file import EventFile, EventSum

LONGEST_LINE = 2**20
BUNDLE = 2**18
"""Bytes of scrubbed text that are packed at once."""
SHOWN = 3
"""Wrong rows that a message names."""
Place = tuple[date, EventSum, tuple[str, ...]]
Sums = dict[Place, list[Decimal]]


class EventFileWrong(ConfigError):
    """A file of events that cannot be used: nothing of it was stored."""

    remedy = "export it again and import it as it came; nothing of this one was stored"


@dataclass
class Events:
    """What a file holds: how many events, their sums by place, and the file without people."""

    packed: Packed
    columns: tuple[str, ...]
    dropped: tuple[str, ...]
    """Columns that the file has and nobody declared: they are not stored."""
    count: int = 0
    over_midnight: int = 0
    """Events that end on a later UTC date than they begin: they count on the first."""
    sums: Sums = field(default_factory=dict)

    @property
    def first(self) -> date:
        """The first date with an event."""
        return min(day for day, _, _ in self.sums)

    @property
    def last(self) -> date:
        """The last one."""
        return max(day for day, _, _ in self.sums)

    def meters(self, kind: EventSum) -> list[str]:
        """The ledger's columns of the meters that the file has."""
        return [name for name, column in kind.meters if column in self.columns]


def read_events(path: Path, declared: EventFile) -> Events:
    """Every event of the file. Raises `EventFileWrong` with the line and column of the first wrong rows."""
    try:
        with path.open("rb") as file:
            return _Reader(path.name, declared, file).read()
    except OSError as error:
        raise EventFileWrong(f"{path.name} cannot be read: {error.strerror}", next_step="see its path") from None


class _Wrong(Exception):
    """What is wrong with a row."""


class _Reader:
    def __init__(self, name: str, declared: EventFile, file: IO[bytes]) -> None:
        self._name, self._declared, self._file = name, declared, file
        self._line = 0
        self._instant = lru_cache(maxsize=4096)(self._parse_instant)
        self._pseudonym = lru_cache(maxsize=4096)(pseudonym)

    def read(self) -> Events:
        rows = csv.reader(self._lines(), strict=True)
        header = self._header(rows)
        events = Events(Packed(), tuple(c for c in header if c in self._declared.columns), self._strange(header))
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(events.columns)
        wrong: list[str] = []
        count = 0
        while (row := self._next(rows, wrong)) is not None:
            count += 1
            try:
                event = self._event(header, row)
                self._add(events, event)
                writer.writerow([self._scrubbed(name, event[name]) for name in events.columns])
            except _Wrong as error:
                wrong.append(f"line {self._line}, {error}" if len(wrong) < SHOWN else "")
            if text.tell() > BUNDLE:
                _move(text, events.packed)
        _move(text, events.packed)
        events.packed.close()
        self._require_right(wrong, count)
        return events

    def _lines(self) -> Iterator[str]:
        """The file's lines as text. Raises `EventFileWrong` for one that is cut, too long, or no UTF-8."""
        while line := self._file.readline(LONGEST_LINE):
            self._line += 1
            if not line.endswith(b"\n"):
                what = "is the last one and has no line end: the file is cut off"
                raise self._error(f"line {self._line} {'is too long' if len(line) == LONGEST_LINE else what}")
            try:
                yield line.decode("utf-8-sig" if self._line == 1 else "utf-8")
            except UnicodeDecodeError:
                raise self._error(f"line {self._line} is not UTF-8 text") from None

    def _next(self, rows: Iterator[list[str]], wrong: list[str]) -> list[str] | None:
        """The next row that is not blank; a broken quotation ends the file."""
        try:
            return next((row for row in rows if row), None)
        except csv.Error as error:
            wrong.append(f"line {self._line}, {error}")
            return None

    def _header(self, rows: Iterator[list[str]]) -> list[str]:
        problems: list[str] = []
        header = [name.strip() for name in self._next(rows, problems) or ()]
        if problems:
            raise self._error(problems[0])
        if not header:
            raise self._error("the file is empty")
        if missing := [name for name in self._declared.required if name not in header]:
            raise self._error(f"the header, line 1, has no column {', '.join(missing)}")
        if twice := sorted({name for name in header if header.count(name) > 1}):
            raise self._error(f"the header, line 1, has {', '.join(map(repr, twice))} twice")
        split = self._declared.split
        if (split.first in header) != (split.rest in header):
            raise self._error(f"the header, line 1, has only one of {split.first} and {split.rest}")
        return header

    def _strange(self, header: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in header if name not in self._declared.columns)

    def _event(self, header: Sequence[str], row: Sequence[str]) -> dict[str, str]:
        if len(row) != len(header):
            raise _Wrong(f"{len(row)} fields where the header has {len(header)}")
        return dict(zip(header, row, strict=True))

    def _add(self, events: Events, event: Mapping[str, str]) -> None:
        """Add a checked event to its sums."""
        begins, ends = (self._at(event, name) for name in (self._declared.begins, self._declared.ends))
        if ends < begins:
            raise _Wrong(f"{self._declared.ends}: {event[self._declared.ends]!r} is before {self._declared.begins}")
        numbers = self._numbers(event)
        kind = next(one for one in self._declared.sums if not one.where or event[one.where].strip())
        place = (begins.date(), kind, tuple(event[column] for _, column in kind.dimensions))
        sums = events.sums.setdefault(place, [Decimal(0)] * len(kind.meters))
        for number, (_, column) in enumerate(kind.meters):
            if amount := numbers.get(column):
                sums[number] = EXACT.add(sums[number], amount)
        events.count += 1
        events.over_midnight += ends.date() > begins.date() and (ends - timedelta(seconds=1)).date() > begins.date()

    def _numbers(self, event: Mapping[str, str]) -> dict[str, Decimal]:
        declared = self._declared
        numbers = {name: _count(event, name) for name in declared.counts}
        numbers |= {name: _decimal(event, name) for name in declared.decimals}
        split = declared.split
        if split.first in event:
            parts = [event[name].strip() for name in (split.first, split.rest)]
            if any(parts) and not all(parts):
                raise _Wrong(f"{split.first}: only one of it and {split.rest} has a value")
            first, rest = _count(event, split.first), _count(event, split.rest)
            if all(parts) and first + rest != numbers[split.total]:
                raise _Wrong(f"{split.total}: {numbers[split.total]} is not {first} and {rest}")
            numbers[split.first] = first
        return numbers

    def _at(self, event: Mapping[str, str], name: str) -> datetime:
        instant = self._instant(event[name])
        if instant is None:
            raise _Wrong(f"{name}: {event[name][:40]!r} is no instant such as 2026-11-03 08:11:02 UTC")
        return instant

    def _parse_instant(self, text: str) -> datetime | None:
        with suppress(ValueError):
            instant = datetime.strptime(text, self._declared.instant)  # noqa: DTZ007  the file's instants are UTC
            return instant if instant.strftime(self._declared.instant) == text else None
        return None

    def _scrubbed(self, name: str, value: str) -> str:
        if name in self._declared.people:
            return self._pseudonym(value) if value.strip() else ""
        return hide_addresses(value) if "@" in value or "%40" in value else value

    def _require_right(self, wrong: Sequence[str], count: int) -> None:
        if wrong:
            more = f"; and {len(wrong) - SHOWN} more rows" if len(wrong) > SHOWN else ""
            said = f"{len(wrong):,} of {max(count, 1):,} rows {'is' if len(wrong) == 1 else 'are'} wrong"
            raise self._error(f"{said}: {'; '.join(wrong[:SHOWN])}{more}")
        if not count:
            raise self._error("the file has a header and no events")

    def _error(self, what: str) -> EventFileWrong:
        return EventFileWrong(hide_addresses(f"{self._name}: {what}"))


def _move(text: StringIO, packed: Packed) -> None:
    packed.add(text.getvalue().encode())
    text.seek(0)
    text.truncate()


def _count(event: Mapping[str, str], name: str) -> Decimal:
    return _number(event, name, whole=True)


def _decimal(event: Mapping[str, str], name: str) -> Decimal:
    return _number(event, name, whole=False)


def _number(event: Mapping[str, str], name: str, *, whole: bool) -> Decimal:
    """A number that is not negative; blank is 0."""
    text = event[name].strip()
    if not text:
        return Decimal(0)
    try:
        value = Decimal(integer(text)) if whole else decimal(text)
    except UsageLedgerError as error:
        raise _Wrong(f"{name}: {error.what}") from None
    if value < 0:
        raise _Wrong(f"{name}: {text[:40]} is negative")
    return value
