"""Which things of a list an answer speaks of."""

from usage_ledger.model.dimension import Dimension
from usage_ledger.model.provider import Report
from usage_ledger.model.source import HttpPages, Listing
from usage_ledger.storage.manifest import Manifest


def things_of_answer(report: Report, manifest: Manifest) -> dict[str, list[str]]:
    """Ids of the things whose pages came, by the column that holds them; {} for a report not asked for thing by thing.

    Of a thing that is no longer listed, or is gone between the list and its question, the answer says nothing.
    """
    source = report.source
    if not isinstance(source, HttpPages) or not isinstance(source.per, Listing) or source.batch:
        return {}
    label = source.per.label
    columns = {
        one.column
        for row_set in report.row_sets
        for one in row_set.dimensions
        if isinstance(one, Dimension) and one.paths == (f"@{label}",)
    }
    things = sorted({page.labels[label] for page in manifest.pages if page.role == "rows" and label in page.labels})
    return dict.fromkeys(sorted(columns), things)
