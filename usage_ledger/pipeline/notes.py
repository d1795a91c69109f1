"""Warnings to a person about an answer that was accepted."""

import re
from datetime import timedelta

from usage_ledger.model.provider import Report
from usage_ledger.reading.gathered import Gathered
from usage_ledger.storage.manifest import Manifest
from usage_ledger.storage.staged import Note
from usage_ledger.warehouse.loads import WITHOUT_NAMES

UNKNOWN_FIELD = "declare it if it should be loaded; `usage-ledger rebuild` then loads what was fetched meanwhile"
UNKNOWN_VALUE = (
    "declare such rows if they should be loaded; `usage-ledger rebuild` then loads what was fetched meanwhile"
)
UNGROUPED = "check whether the provider still groups by what the request names"
UNKNOWN_METER = re.compile(r"token|cost|usd|amount|count|second|quantity|unit", re.IGNORECASE)
CLOCKS_AGREE = timedelta(minutes=5)
CLOCK = "set this machine's clock by a time server: it decides which dates are over"
NOTHING_STORED = (
    "the provider has no data of these dates: they were not used, or lie before what it stores; they are read again"
)
TOTAL = "the provider's own total is of failed dates too: the other dates of the window were not compared to it"
FORMS = {
    "rounded": "{count} values of {field} have more places than the ledger keeps and were rounded half-even",
    "absent_zero": "{count} values of {field} are absent: 0, because the format writes no zeros",
    "clock_order": "{count} values of {field} are below 0, because clocks disagree: they count as 0",
    "other_name": "{count} rows repeat a figure under another name (`{field}`) and are left out",
    "added_up": "{count} rows of {field} are alike in all that is sent: their amounts are added up",
}
"""Of values that were accepted in a form that loses something, or that were completed."""


def notes_of(report: Report, gathered: Gathered) -> list[Note]:
    """What a person may want to know of the pages of a load."""
    notes = [
        Note(
            "unknown_meter" if UNKNOWN_METER.search(path.rsplit(".", 1)[-1]) else "unknown_field",
            f"the answer holds `{path}`, which is not declared; raw storage has it",
            UNKNOWN_FIELD,
        )
        for path in sorted(gathered.unknown)
    ]
    notes += _notes_of_other_rows(report, gathered)
    notes += gathered.names.notes() + gathered.price_list.notes()
    if gathered.labelled:
        notes.append(
            Note("date_labels", "bucket times are local dates at 00:00 UTC, not the instants of local midnight")
        )
    if gathered.failed and report.totals:
        notes.append(Note("total_not_compared", TOTAL))
    notes += [Note("totals_differ", text, "the rows are loaded as sent") for text in sorted(gathered.differing)]
    notes += [
        Note("left_out", f"{count} rows have no `{path}` and were skipped", "raw holds them as sent", severity=severity)
        for (path, severity), count in sorted(gathered.skipped.items())
    ]
    notes += [
        Note("not_grouped", f"no row has any value of {name}, though the request groups by it", UNGROUPED)
        for name, has_dimension in sorted(gathered.grouped.items())
        if not has_dimension
    ]
    if gathered.skew > CLOCKS_AGREE:
        notes.append(Note("clock_skew", "the provider's clock and this machine's differ by minutes", CLOCK))
    return notes + _value_notes(gathered)


def nothing_stored(manifest: Manifest) -> bool:
    """Whether the names that the report requires were asked for and there were none, so that no rows were."""
    roles = {page.role for page in manifest.pages}
    return "discovery" in roles and "rows" not in roles


def _notes_of_other_rows(report: Report, gathered: Gathered) -> list[Note]:
    """A note for each value of rows that no row set of their array reads."""
    own = [(row_set.path, row_set.where) for row_set in report.row_sets if row_set.where]
    tables = {row_set.where: row_set.table for row_set in report.row_sets if row_set.where}
    return [
        Note(
            "unknown_value",
            f"rows of `{array}` whose `{where.path}` is {value[:80]!r} are no known kind and are left out"
            + (f" of `{tables[where]}`" if tables[where] else ""),
            UNKNOWN_VALUE,
        )
        for where, values in gathered.other_values.items()
        for array, value in sorted(values)
        if not any(path == array and one.path == where.path and one.matches(value) for path, one in own)
    ]


def notes_of_gaps(report: Report, manifest: Manifest) -> list[Note]:
    """What could not be had: parts of lists of names, and a further page which the provider had announced itself."""
    notes = [Note("names_missing", text, WITHOUT_NAMES) for text in manifest.gaps]
    if nothing_stored(manifest):
        notes.append(Note("nothing_stored", NOTHING_STORED, severity="info"))
    if not manifest.refusal:
        return notes
    before = "hold what is known of the list" if report.snapshot else "have a bucket for each date of the window"
    text = f"a further page was refused ({manifest.refusal}); the pages before it {before}"
    return [*notes, Note("page_refused", text)]


def _value_notes(gathered: Gathered) -> list[Note]:
    """A note for each kind and field, with the number of values."""
    notes = dict(gathered.forms)
    for facts in gathered.facts.values():
        notes |= {("added_up", name): count for name, count in facts.alike.items()}
    return [
        Note(kind, FORMS[kind].format(count=count, field=field), "raw holds them as sent", severity="info")
        for (kind, field), count in sorted(notes.items())
    ]
