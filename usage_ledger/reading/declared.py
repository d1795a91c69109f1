"""Which values of a landed page are declared: those that are read, and those that are known and not read.

Paths begin at the answer, and `*` is each element of a list or member of a map: `data/*/owner/id`.
"""

from collections.abc import Iterator
from functools import cache

from usage_ledger.http.page import Role
from usage_ledger.model.dimension import Lookup
from usage_ledger.model.each import Catalogue, Listing
from usage_ledger.model.provider import Report
from usage_ledger.model.request import Cursor, Link, Offset, Paging
from usage_ledger.model.reshape import Columns, Named, Positions, Series, Table
from usage_ledger.model.rows import RowSet
from usage_ledger.model.source import HttpPages, Objects, QueryJob, Source
from usage_ledger.reading.lookup import value_paths
from usage_ledger.reading.paths import MONEY_PARTS, levels_up, paths_of, segments_of


@cache
def read_paths(report: Report, role: Role) -> frozenset[str]:
    """The paths that are read of a page of that role."""
    return frozenset(filter(None, _read(report, role)))


@cache
def ignored_paths(report: Report, role: Role) -> frozenset[str]:
    """The paths that are declared and not read."""
    if role != "rows":
        return frozenset()
    of_rows = {_from_top(row_set, path) for row_set in report.row_sets for path in row_set.ignored}
    return frozenset({*of_rows, *report.ignored}) - read_paths(report, role)


def _read(report: Report, role: Role) -> Iterator[str]:
    if role == "listing":
        for listing in listings(report.source):
            yield from _of_listing(listing)
    elif role == "discovery":
        if isinstance(report.source, HttpPages) and report.source.requires:
            yield f"{report.source.requires.items}/*"
    elif role == "lookup":
        if isinstance(report.source, HttpPages) and report.source.lookup:
            yield from _of_listing(report.source.lookup)
        for lookup in (one for row_set in report.row_sets for one in row_set.dimensions if isinstance(one, Lookup)):
            paths = (*lookup.id, *value_paths(lookup), *([lookup.prefer.path] if lookup.prefer else []))
            yield from (f"{lookup.items}/*/{path}" for path in paths if path[0] != "@")
    else:
        yield from ("totalSize", *leading_fields(report.source), *(mark.path for mark in report.marks))
        yield from (total.path for total in report.running_totals)
        yield from report.evidence
        yield from _of_rows(report)


def _of_rows(report: Report) -> Iterator[str]:
    match report.reshape:
        case Series(path, labels, points):
            names = {name for row_set in report.row_sets for name in paths_of(row_set)}
            yield from (f"{path}/*/{labels}/{name}" for name in names)
            yield f"{path}/*/{points}/*/*"
        case Table(columns):
            yield f"{columns}/*/name"  # which cells are read is known when all headers have come, perhaps last
        case Columns(path, label, arrays):
            yield from (f"{path}/*/{field}" for field in (label, *(f"{name}/*" for name, _ in arrays)))
        case Positions(path, field):
            yield f"{path}/*/{field}/*"
            yield from _of_row_sets(report)
        case Named(path, name, value):
            yield from (f"{path}/*/{field}" for field in (name, value))
            yield from _of_row_sets(report)
        case None:
            yield from _of_row_sets(report)


def _of_row_sets(report: Report) -> Iterator[str]:
    for row_set in report.row_sets:
        yield from (_from_top(row_set, path) for path in paths_of(row_set) if path not in row_set.ignored)
    for total in report.totals:
        place = f"{total.path}/*/" if total.path else ""
        yield from (f"{place}{total.field}/{part}" for part in MONEY_PARTS)


def _of_listing(listing: Listing) -> Iterator[str]:
    items = f"{listing.items}/" if listing.items else ""
    yield from paging_fields(listing.paging)
    each = items if listing.single else f"{items}*/"
    yield from (f"{each}{path}" for path in (listing.id, listing.where.path if listing.where else "") if path)


def listings(source: Source) -> Iterator[Listing]:
    """The lists for whose things a source is asked, inner ones first."""
    each = source.per if isinstance(source, HttpPages) else None
    if isinstance(each, Catalogue):
        each = each.listing
    forgotten = source.batch.forgotten if isinstance(source, HttpPages) and source.batch else None
    for one in (each, *(forgotten.lists if forgotten else ())):
        while isinstance(one, Listing):
            yield one
            one = one.per


def paging_of(source: Source) -> Paging | None:
    """How a page of rows leads to the next one."""
    match source:
        case HttpPages(paging=paging) | QueryJob(paging=paging):
            return paging
        case Objects():
            return None


def leading_fields(source: Source) -> tuple[str, ...]:
    """The fields of a page of rows that lead to the rows, and to the next page."""
    return (*paging_fields(paging_of(source)), *(source.fields if isinstance(source, QueryJob) else ()))


def paging_fields(paging: Paging | None) -> tuple[str, ...]:
    """The outermost fields that lead to the next page."""
    match paging:
        case Cursor(field, _, more, spelling=spelling):
            return (field, more, spelling)
        case Link(field):
            return (field,)
        case Offset(total=total):
            return (total,)
        case None:
            return ()


def _from_top(row_set: RowSet, path: str) -> str:
    """A row's path from the answer on: `^starting_at` of `data/results` is `data/*/starting_at`."""
    lists = [f"{name}/*" for name, _ in segments_of(row_set.path)]
    return "/".join([*lists[: len(lists) - levels_up(path)], path.lstrip("^")])
