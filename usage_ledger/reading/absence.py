"""Values that a row lacks, and undeclared numbers that may belong to a meter."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from msgspec import UNSET

from usage_ledger.core import contract_errors, numbers
from usage_ledger.model.rows import Meter, Money
from usage_ledger.reading.nested import Rows
from usage_ledger.reading.undeclared import new_name_of_count, new_name_of_part, number_in


def check_absent(rows: Rows, meter: Meter | Money, values: Sequence[Any], *, path: str = "") -> None:
    """Refuse absent and null values where the meter's `absent` does, or where a value may have another name now.

    Raises `MissingField`, `NullRequired`.
    """
    if UNSET not in values and None not in values:
        return
    path = path or meter.path
    if meter.absent == "error":
        missing = UNSET if UNSET in values else None
        error = contract_errors.MissingField("absent") if missing is UNSET else contract_errors.NullRequired("null")
        raise placed(error, rows, path, values.index(missing), verb="is")
    for number in [] if rows.page is None else [n for n, value in enumerate(values) if value in (UNSET, None)]:
        fields = rows.undeclared(number)
        zero = meter.absent == "zero"
        if name := new_name_of_count(path, meter.column, fields) if zero else new_name_of_part(path, fields):
            new = contract_errors.MissingField(f"absent, and undeclared `{name}` could be its new name")
            raise placed(new, rows, path, number, verb="is")


def undeclared_parts(rows: Rows, meter: Meter) -> list[int | None]:
    """For each row the sum of the undeclared numbers in `others`; None where there are none.

    Raises the number errors of `ContractBroken`, and `UnreadPart` for a number that matches `unread`, or lies deeper.
    """
    sums: list[int | None] = []
    for number in range(len(rows)):
        values = []
        for path, literal in rows.undeclared(number).items():
            folder, _, _ = path.rpartition("/")
            part = number_in(literal)
            if part is None or not (meter.others and path.startswith(f"{meter.others}/")):
                if part and meter.unread and fnmatchcase(path, meter.unread):
                    raise unread_part(rows, number, path, meter)
                continue
            if part and folder != meter.others:
                raise unread_part(rows, number, path, meter)
            text = literal.decode().strip('"')
            try:
                values.append(numbers.integer(numbers.plain_digits(text)))
            except contract_errors.ContractBroken as error:
                raise placed(error, rows, path, number) from None
        sums.append(sum(values) if values else None)
    return sums


def unread_part(rows: Rows, number: int, path: str, meter: Meter) -> contract_errors.ContractBroken:
    """The error for an undeclared number that may be missing from a meter."""
    where = f"{rows.place(number)}.{path.replace('/', '.')}"
    return contract_errors.UnreadPart(f"{where} is not declared and may be a part of `{meter.column}`")


def placed(
    error: contract_errors.ContractBroken, rows: Rows, path: str, number: int, *, verb: str = ""
) -> contract_errors.ContractBroken:
    """The error with the place of what it is about: row and field."""
    where = f"{rows.place(number)}.{path.replace('/', '.')}"
    return type(error)(f"{where} {verb} {error.what}" if verb else f"{where}: {error.what}")
