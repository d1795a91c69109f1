"""Decodes the pages of a load. An object that only holds texts is decoded once for each way in which it is written."""

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from itertools import filterfalse
from typing import Any

import msgspec

from usage_ledger.json.text import encoded, plain
from usage_ledger.model.provider import Report
from usage_ledger.model.rows import RowSet
from usage_ledger.reading.layout import decode, layout
from usage_ledger.reading.nested import Rows, Spellings, rows_of

MANY = 32 * 2**20
"""Bytes of spellings that are remembered."""
OF_EACH = 100
"""Bytes that a spelling takes beside its text."""


@dataclass(frozen=True)
class DecodedPage:
    """A page, or a part of one, as the report's types."""

    report: Report
    document: Any
    unknown: list[str]
    """The paths of undeclared fields."""
    text: bytes
    spellings: dict[str, Spellings]
    """By path of rows."""

    def rows(self, row_set: RowSet, labels: dict[str, str], before: int) -> Rows:
        """The rows of a row set; see `rows_of`."""
        text = self.text if self.unknown else b""
        spellings = self.spellings.get(row_set.path, {})
        return rows_of(self.report, row_set, self.document, labels, before, text=text, spellings=spellings)


class PageDecoder:
    """Decodes the pages of one load."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._read: dict[tuple[str, str], set[bytes]] = defaultdict(set)
        """Spellings that were decoded, by the paths of their rows and their own."""
        self._size = 0
        chains = layout(report).chains
        self._packed = {path: chain[-1].packed_objects for path, chain in chains.items() if chain[-1].packed_objects}

    def decode(self, body: bytes) -> DecodedPage:
        """The page; objects stay packed where all of it is as declared. Raises `Shape`."""
        if self._packed:
            # What is wrong, or new, is told by decoding all of it; the rest of the load mostly has it too.
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                document = layout(self._report).packed.decode(encoded(plain(body)))
                return DecodedPage(self._report, document, [], body, self._spellings(document))
            self._packed = {}
        return DecodedPage(self._report, *decode(self._report, body), body, {})

    def _spellings(self, document: Any) -> dict[str, Spellings]:
        """The objects of all rows as they are written. Raises `msgspec.ValidationError` unless each is as declared."""
        if self._size > MANY:
            self._read.clear()
            self._size = 0
        of_paths: dict[str, Spellings] = {}
        for row_set in self._report.row_sets:
            if row_set.path in self._packed and row_set.path not in of_paths:
                rows = rows_of(self._report, row_set, document, {})
                of_paths[row_set.path] = {name: rows.spellings(name) for name in self._packed[row_set.path]}
        for path, spellings in of_paths.items():
            for name, column in spellings.items():
                new = set(filterfalse(self._read[path, name].__contains__, column))
                for spelling in filter(None, new):
                    self._packed[path][name].decoder.decode(spelling)
                self._read[path, name] |= new
                self._size += sum(map(len, new)) + OF_EACH * len(new)
        return of_paths
