"""Which things of a list an answer speaks of."""

from usage_ledger.model.dimension import Dimension
from usage_ledger.model.each import Listing
from usage_ledger.model.provider import Report
from usage_ledger.model.reshape import Columns
from usage_ledger.model.source import Batch, HttpPages
from usage_ledger.reading.reshape import label_values
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import landed_pages
from usage_ledger.storage.manifest import Manifest


def things_of_answer(report: Report, manifest: Manifest, folder: AnyPath) -> dict[str, list[str]]:
    """Ids of the things whose pages came, by the column that holds them; {} for a report not asked for thing by thing.

    Of a thing that is no longer listed, or is gone between the list and its question, the answer says nothing. Raises
    `RawCorrupt`.
    """
    source = report.source
    if not isinstance(source, HttpPages) or not isinstance(source.per, Listing):
        return {}
    if source.batch:
        return _things_of_batches(report, source.batch, manifest, folder)
    label = source.per.label
    columns = {
        one.column
        for row_set in report.row_sets
        for one in row_set.dimensions
        if isinstance(one, Dimension) and one.paths == (f"@{label}",)
    }
    things = sorted({page.labels[label] for page in manifest.pages if page.role == "rows" and label in page.labels})
    return dict.fromkeys(sorted(columns), things)


def _things_of_batches(report: Report, batch: Batch, manifest: Manifest, folder: AnyPath) -> dict[str, list[str]]:
    """The things in the labels of the pages, which are there for a thing without rows too."""
    shape = report.reshape
    if not batch.thing or not isinstance(shape, Columns):
        return {}
    columns = {
        one.column
        for row_set in report.row_sets
        for one in row_set.dimensions
        if isinstance(one, Dimension) and one.paths == (batch.thing,)
    }
    things = {thing for _, body in landed_pages(folder, manifest) for thing in label_values(shape, body, batch.thing)}
    return dict.fromkeys(sorted(columns), sorted(things))
