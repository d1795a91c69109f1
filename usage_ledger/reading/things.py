"""Which things of a list an answer speaks of."""

from collections.abc import Iterable, Mapping

from usage_ledger.model.dimension import Dimension
from usage_ledger.model.each import Catalogue, Fixed, Listing, PerSetting
from usage_ledger.model.provider import Report
from usage_ledger.model.reshape import Columns
from usage_ledger.model.source import HttpPages
from usage_ledger.reading.dimensions import in_form
from usage_ledger.storage.manifest import Manifest

Things = set[tuple[str, ...]]
"""The values that name things together, as they were sent."""


def add_things(report: Report, of_page: Mapping[str, str], labels: Iterable[Mapping[str, str]], things: Things) -> None:
    """Add what each holder on a page is one of, by its own labels and those of the page (`@name`)."""
    own = _of_page(of_page)
    paths = _paths(report)
    blanks = [own.get(path, "") for path in paths]
    things.update(tuple(map(one.get, paths, blanks)) for one in labels)


def things_of_answer(
    report: Report, manifest: Manifest, of_holders: Things
) -> tuple[list[str], list[list[str]]] | None:
    """The columns that name a thing together, and their values of each thing whose pages came.

    None for a report not asked for thing by thing. Of a thing that is no longer listed or set, or is gone between the
    list and its question, the answer says nothing. A thing of one region is another one than that of the same name in
    the next. Where arrays are columns, those of the holders were read with the pages; else a page is of one thing.
    """
    paths = _paths(report)
    dimensions = _dimensions(report, paths)
    if not dimensions:
        return None
    sent = of_holders if isinstance(report.reshape, Columns) else _things_of_pages(manifest, paths)
    things = {tuple(map(in_form, dimensions, texts)) for texts in sent}
    return [one.column for one in dimensions], sorted(map(list, things))


def _paths(report: Report) -> tuple[str, ...]:
    """The paths of the labels that name a thing together."""
    match report.source:
        case HttpPages(per=Listing(), batch=batch) if batch:
            return batch.thing
        case HttpPages(per=Listing(label=label)):
            return (f"@{label}",)
        case HttpPages(per=Catalogue(Listing(per=Listing(label=label)))):  # names are asked for of each thing of a list
            return (f"@{label}",)
        case HttpPages(per=PerSetting() as setting) | HttpPages(per=Fixed(per=PerSetting() as setting)):
            return (f"@{setting.name}",)
        case _:
            return ()


def _dimensions(report: Report, paths: tuple[str, ...]) -> list[Dimension]:
    """The dimensions at some paths, of the first row set that reads them all."""
    for row_set in report.row_sets:
        by_path = {
            one.paths[0]: one for one in row_set.dimensions if isinstance(one, Dimension) and len(one.paths) == 1
        }
        if by_path.keys() >= {*paths}:
            return [by_path[path] for path in paths]
    return []


def _things_of_pages(manifest: Manifest, paths: tuple[str, ...]) -> Things:
    of_pages = [_of_page(page.labels) for page in manifest.pages if page.role == "rows"]
    return {tuple([labels.get(path, "") for path in paths]) for labels in of_pages}


def _of_page(labels: Mapping[str, str]) -> dict[str, str]:
    return {f"@{name}": value for name, value in labels.items()}
