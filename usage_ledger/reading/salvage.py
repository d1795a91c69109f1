"""Of a page that cannot be decoded: the rows whose values have a wrong JSON type, and their dates."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

import msgspec
from msgspec import Raw

from usage_ledger.connections import Connection
from usage_ledger.core.contract_errors import ContractBroken, Shape
from usage_ledger.json.problems import problem_of
from usage_ledger.json.text import encoded, plain
from usage_ledger.model.provider import Report
from usage_ledger.model.when import Moment
from usage_ledger.reading.days import bucket_columns, new_events
from usage_ledger.reading.layout import decode, layout
from usage_ledger.reading.nested import rows_of
from usage_ledger.reading.where import own_rows
from usage_ledger.storage.manifest import Manifest


@dataclass(frozen=True)
class Salvaged:
    """A page in which each element that cannot be decoded has its date alone; `errors` are those of these elements."""

    body: bytes
    errors: list[tuple[bytes, Shape, bool]]
    """For each such element a page that holds it alone, with its date alone, what is wrong with it, and whether its
    rows still tell their kind."""


def salvage(report: Report, body: bytes, error: Shape) -> Salvaged:
    """The page without the elements of its outermost arrays that cannot be decoded.

    Raises `error`, which decoding the page raised, when something else is wrong, or when the date of such an element
    cannot be decoded either.
    """
    text = plain(body)
    try:
        fields = msgspec.json.decode(encoded(text), type=dict[str, Raw])
        errors: list[tuple[bytes, Shape, bool]] = []
        for name in layout(report).root.lists.keys() & fields.keys():
            elements = msgspec.json.decode(fields[name], type=list[Raw] | None) or []
            for number, what in _broken_elements(report, name, elements):
                if name in layout(_dated(report)).root.lists:
                    dated, has_kind = _dated_element(report, name, elements[number])
                    elements[number] = Raw(dated)
                    errors.append((msgspec.json.encode({name: [elements[number]]}), what, has_kind))
                else:
                    elements[number] = Raw(b"{}")  # of a total, which is not compared when a date fails
            fields[name] = Raw(msgspec.json.encode(elements))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise error from None
    if not errors:
        raise error
    return Salvaged(msgspec.json.encode(fields), errors)


def failed_dates(
    connection: Connection, report: Report, salvaged: Salvaged, manifest: Manifest, labels: dict[str, str]
) -> dict[date, ContractBroken]:
    """The dates of a page's broken elements. Raises the errors of dates; an element's own where it holds no row."""
    failed: dict[date, ContractBroken] = {}
    for page, error, has_kind in salvaged.errors:
        document, _ = decode(report, page)
        rows_in_page = [rows_of(report, row_set, document, labels) for row_set in report.row_sets if row_set.table]
        if not any(map(len, rows_in_page)):
            raise error
        for rows in (own_rows(rows, {}) if has_kind else rows for rows in rows_in_page):
            zone = connection.day_zone(report)
            if isinstance(rows.row_set.when, Moment):
                rows = new_events(rows, rows.row_set.when, zone, manifest.window, set())
            if len(rows):
                days = bucket_columns(rows, zone, manifest.window, date_labels=report.date_labels).days
                failed = dict.fromkeys(days, error) | failed
    return failed


def _broken_elements(report: Report, name: str, elements: list[Raw]) -> Iterator[tuple[int, Shape]]:
    """The number of each element of an outermost array that cannot be decoded, and why."""
    decoder: Any = msgspec.json.Decoder(layout(report).root.lists[name].struct("literal"))
    for number, element in enumerate(elements):
        try:
            decoder.decode(element)
        except msgspec.ValidationError as error:
            what, _, path = str(error).partition(" - at `$")
            place = f"$.{name}[{number}]{path.removesuffix('`')}"
            problem = problem_of(f"{what} - at `{place}`")
            yield number, Shape(f"the answer is not of the declared shape: {problem}")


def _dated_element(report: Report, name: str, element: Raw) -> tuple[bytes, bool]:
    """An element with nothing but what tells the dates of its rows, and their kind where that can be decoded.

    Raises `msgspec.ValidationError` where the dates cannot be.
    """
    kind: Any = layout(_dated(report)).root.lists[name].struct()
    try:
        return msgspec.json.encode(msgspec.json.decode(element, type=kind)), True
    except msgspec.ValidationError:
        kind = layout(_dated(report, kinds=False)).root.lists[name].struct()
        return msgspec.json.encode(msgspec.json.decode(element, type=kind)), False


@cache
def _dated(report: Report, *, kinds: bool = True) -> Report:
    """The report as if its rows held their dates alone, and what tells their kind."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("constants", "dimensions", "meters", "balances", "names", "ignored", "sum_over"), ()
    )
    nothing |= {"skip_when_missing": "", "others": "known"} | ({} if kinds else {"where": None})
    row_sets = tuple(replace(row_set, **nothing) for row_set in report.row_sets)
    return replace(report, row_sets=row_sets, totals=(), ignored=())
