"""Rows as CSV, in which no text is a formula to a spreadsheet."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

Cell = str | int | Decimal | date | bool | None
FORMULA = "=+-@"
"""What a spreadsheet takes for the beginning of a formula, in every width."""
CONTROLS = "\t\r\n"
UNSEEN = ("Zs", "Zl", "Zp", "Cf", "Cc")
"""Categories of characters that a spreadsheet may drop before it looks."""


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A line of names and one of each row: dates as ISO, numbers as plain decimals, no value as nothing."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([harmless(name) for name in header])
    writer.writerows([_written(cell) for cell in row] for row in rows)
    return file.getvalue()


def harmless(text: str) -> str:
    """The text with an apostrophe in front where a spreadsheet would take it for a formula."""
    return f"'{text}" if _is_formula(text) else text


def _is_formula(text: str) -> bool:
    if text.startswith(tuple(CONTROLS)):
        return True
    for letter in text:
        if unicodedata.category(letter) not in UNSEEN:
            return unicodedata.normalize("NFKC", letter)[:1] in tuple(FORMULA)
    return False


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return harmless(cell) if isinstance(cell, str) else str(cell)
