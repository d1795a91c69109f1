"""Which things of a list an answer speaks of."""

from collections.abc import Iterator, Mapping

from usage_ledger.model.dimension import Dimension
from usage_ledger.model.each import Listing
from usage_ledger.model.provider import Report
from usage_ledger.model.reshape import Columns
from usage_ledger.model.source import HttpPages
from usage_ledger.reading.reshape import labels_of
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import landed_pages
from usage_ledger.storage.manifest import Manifest
from usage_ledger.storage.staged import Things


def things_of_answer(report: Report, manifest: Manifest, folder: AnyPath) -> Things | None:
    """The things whose pages came, by the columns that name one; None for a report not asked for thing by thing.

    Of a thing that is no longer listed, or is gone between the list and its question, the answer says nothing. A thing
    of one region is another one than that of the same name in the next. Raises `RawCorrupt`.
    """
    source = report.source
    if not isinstance(source, HttpPages) or not isinstance(source.per, Listing):
        return None
    paths = source.batch.thing if source.batch else (f"@{source.per.label}",)
    columns = _columns(report, paths)
    if not columns:
        return None
    things = {tuple(labels.get(path, "") for path in paths) for labels in _labels(report, manifest, folder)}
    return Things(columns, sorted(map(list, things)))


def _columns(report: Report, paths: tuple[str, ...]) -> list[str]:
    """The columns of the values at some paths, of the first row set that reads them all."""
    for row_set in report.row_sets:
        columns = {
            one.paths[0]: one.column for one in row_set.dimensions if isinstance(one, Dimension) and len(one.paths) == 1
        }
        if paths and columns.keys() >= {*paths}:
            return [columns[path] for path in paths]
    return []


def _labels(report: Report, manifest: Manifest, folder: AnyPath) -> Iterator[Mapping[str, str]]:
    """The labels of each page of rows (`@name`), with those of each holder in an answer whose arrays are columns."""
    if not isinstance(report.reshape, Columns):
        yield from (_of_page(page.labels) for page in manifest.pages if page.role == "rows")
        return
    for page, body in landed_pages(folder, manifest):
        yield from (_of_page(page.labels) | labels for labels in labels_of(report.reshape, body))


def _of_page(labels: Mapping[str, str]) -> dict[str, str]:
    return {f"@{name}": value for name, value in labels.items()}
