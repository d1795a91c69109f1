"""Whether an answer is whole: its marks, the lists that its vendor always sends, and a bucket for each date."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from usage_ledger.core.contract_errors import ContractBroken, MissingBucket, Shape, SilentDate
from usage_ledger.core.provider_errors import NotWhole
from usage_ledger.core.windows import Window, day_bounds, local_date
from usage_ledger.http.page import NO_CONTENT, Page
from usage_ledger.json.text import plain
from usage_ledger.model.provider import Report
from usage_ledger.model.rows import RowSet
from usage_ledger.model.source import Objects
from usage_ledger.model.when import Bucket, Moment
from usage_ledger.reading.days import instant
from usage_ledger.reading.layout import layout
from usage_ledger.reading.marks import require_marks
from usage_ledger.reading.nested import rows_of
from usage_ledger.reading.node import Node
from usage_ledger.reading.paths import levels_up, segments_of
from usage_ledger.reading.reshape import reshape


def require_whole(report: Report, page: Page) -> None:
    """Look at one page before its load is committed.

    Raises `NotWhole` for a page that is to be asked for again, `ContractBroken` for one that its mark refuses. The
    lists of a large page are looked at when it is transformed, and so is a page of another shape than declared: it is
    landed for a corrected declaration to read.
    """
    if page.status == NO_CONTENT:
        return
    require_marks(report, page)
    if not isinstance(page.body, bytes):
        return
    lists = Lists(report)
    try:
        for body in reshape(report.reshape, iter([page.body]), optional=report.optional):
            lists.add(layout(report).tolerant.decode(plain(body)))
    except (Shape, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    if lists.absent:
        raise NotWhole(lists.message)


class Lists:
    """Which lists that the vendor always sends a page lacks. A large page comes in parts, each with some of them."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._row_sets = [row_set for row_set in report.row_sets if not row_set.optional]
        self._outer = {segments_of(row_set.path)[0][0] for row_set in self._row_sets}
        self._inner: set[str] = set()

    def add(self, document: Any) -> None:
        """Look at a decoded page, or a part of one."""
        root = layout(self._report).root
        for row_set in self._row_sets:
            outer, *inner = segments_of(row_set.path)
            elements = _elements(root, outer, [document])
            self._outer -= {outer[0]} if None not in elements else set()
            chain = layout(self._report).chains[row_set.path]
            for number, segment in enumerate(inner, 1):
                elements = _elements(chain[number], segment, [one for one in elements if one is not None])
                if None in elements:
                    self._inner.add(".".join(name for name, _ in (outer, *inner[:number])))

    @property
    def absent(self) -> list[str]:
        """The paths of the lists that are absent or null."""
        return sorted(self._outer | self._inner)

    @property
    def message(self) -> str:
        return self.text(self.absent)

    @staticmethod
    def text(paths: list[str]) -> str:
        """What is said of absent lists."""
        names = ", ".join(f"`{path}`" for path in paths)
        return f"the answer has no {names}, which the provider always sends: that is no empty list"


def _elements(holder: Node, segment: tuple[str, bool], objects: list[Any]) -> list[Any]:
    """The elements of a list, or entries of a map, of all objects; None for each object that lacks it."""
    name, is_map = segment
    elements: list[Any] = []
    for container in holder.values(objects, name):
        if container is None or container is msgspec.UNSET:
            elements.append(None)
        else:
            elements += container.values() if is_map else container
    return elements


Covered = dict[tuple[str, ...], set[date]]
"""The dates whose bucket came, by row set and by what the request was repeated for; of objects those of any event."""


def add_buckets(covered: Covered, report: Report, document: Any, labels: dict[str, str], zone: ZoneInfo) -> None:
    """Add the dates of the buckets on a page, or a part of one, with rows or without."""
    for row_set, when in _of_every_day(report):
        dates = covered.setdefault((row_set.name, *labels.values()), set())
        up = levels_up(when.start)
        holders = rows_of(report, row_set, document, labels, up=up)
        bounds = zip(holders.column(when.start[up:]), holders.column(when.end[up:]), strict=True)
        dates.update(day for start, end in bounds if (day := _date_of(start, end, zone)))
    if isinstance(report.source, Objects):
        events = covered.setdefault(("events",), set())
        for row_set in report.row_sets:
            if isinstance(row_set.when, Moment):
                moments = set(rows_of(report, row_set, document, labels).column(row_set.when.path))
                events.update(day for moment in moments if (day := _date_at(moment, zone)))


def error_of_absence(report: Report, day: date) -> ContractBroken:
    """What it means that nothing came of a date, where something always does."""
    if isinstance(report.source, Objects):
        return SilentDate(f"no event of any kind arrived of {day}; is the stream on?")
    return MissingBucket(f"the answer has no bucket for {day}")


def missing_buckets(covered: Covered, window: Window, zone: ZoneInfo) -> list[date]:
    """The dates of a window of which not every part of the answer holds a bucket, or no object any event."""
    days = [day for day in window if day_bounds(day, zone)[0] != day_bounds(day, zone)[1]]
    return [day for day in days if not all(day in dates for dates in covered.values())]


def sends_every_day(report: Report) -> bool:
    """Whether the vendor sends a bucket for each date asked for."""
    return any(True for _ in _of_every_day(report))


def _of_every_day(report: Report) -> Iterator[tuple[RowSet, Bucket]]:
    for row_set in report.row_sets:
        if isinstance(row_set.when, Bucket) and row_set.when.every_day:
            yield row_set, row_set.when


def _date_at(moment: Any, zone: ZoneInfo) -> date | None:
    try:
        return local_date(instant("moment", moment), zone)
    except ContractBroken:
        return None


def _date_of(start: Any, end: Any, zone: ZoneInfo) -> date | None:
    """The date that a bucket covers; None for a part of one, which is no answer about it."""
    try:
        begins, ends = instant("start", start), instant("end", end)
    except ContractBroken:
        return None
    day = local_date(begins, zone)
    return day if (begins, ends) == day_bounds(day, zone) else None
