"""An answer, or a value or row in it, that breaks its data contract. A person must act.

The usage date is the unit of failure: what is wrong with rows of known dates fails these dates, and the error says
which (`by_date`). What is wrong with the answer itself, or with a row whose date cannot be read, fails the window.
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from usage_ledger.core.errors import PersonMustAct

REBUILD = (
    "the other dates are not concerned and the raw pages are kept: correct the provider's declaration and run "
    "`usage-ledger rebuild` for these dates, or ask the provider"
)


class ContractBroken(PersonMustAct):
    """The answer, or the rows made of it, break the data contract."""

    remedy = "the raw pages are kept: correct the provider's declaration or ask the provider, then run the window again"

    by_date: Mapping[date, "ContractBroken"] = MappingProxyType({})
    """The usage dates that alone are broken, each with its own error; empty when the whole window is."""


def error_of_dates(by_date: Mapping[date, ContractBroken], window_days: int = 1) -> ContractBroken:
    """One error for the broken dates of a window of so many days: the sentence of the first, and how many they are."""
    first = min(by_date)
    what, count = by_date[first].what, len(by_date)
    if window_days > 1:
        others = f" and {count - 1} later date{'s' if count > 2 else ''}" if count > 1 else ""
        what = f"{what}; nothing of {first}{others} was loaded"
    kind = type(by_date[first])
    has_remedy = kind.remedy != ContractBroken.remedy
    error = kind(what, next_step=REBUILD if count < window_days and not has_remedy else "")
    error.by_date = dict(by_date)
    return error


class Shape(ContractBroken):
    """A value of another JSON type than declared."""


class MissingField(ContractBroken):
    """A required field is absent."""


class MissingGroupKey(ContractBroken):
    """A grouping that was asked for is absent from a row."""


class UnreadPart(ContractBroken):
    """An undeclared number that may be missing from a total."""


class MissingList(ContractBroken):
    """An array that the provider always sends is absent or null."""

    remedy = "it is no empty list, so nothing of the window was loaded: run the window again"


class MissingBucket(ContractBroken):
    """The provider sends a bucket for each date, and the one of a date did not come."""

    remedy = (
        "such a date was not read, and what the ledger holds of it stays: the next run asks for it again; run it "
        "yourself where it is older than the look-back"
    )


class SilentDate(ContractBroken):
    """Of a date no event of any kind came, where a stream of them is written to a store."""

    remedy = (
        "see whether the stream is on and its archive is written; such a date is not believed to be empty, what the "
        "ledger holds of it stays, and the next runs ask for it again"
    )


class NullRequired(ContractBroken):
    """A required field is null."""


class NonCanonicalInteger(ContractBroken):
    """An integer written in any form but plain ASCII digits."""


class NegativeCount(ContractBroken):
    """A count below zero."""


class EmptyNumber(ContractBroken):
    """A number that is an empty string."""


class NotFinite(ContractBroken):
    """NaN, an infinity, or text that is no decimal number."""


class OutOfRange(ContractBroken):
    """A number that the column cannot hold."""


class CostPrecision(ContractBroken):
    """Money with more decimal places than the ledger keeps."""


class FractionalCount(ContractBroken):
    """A count that is not whole."""


class BadId(ContractBroken):
    """An id that holds a NUL character."""


class BadBucket(ContractBroken):
    """A time slice that is not a day of the report."""


class OutOfWindow(ContractBroken):
    """A time slice outside of what was asked."""


class DuplicateRow(ContractBroken):
    """The same row twice in one answer."""


class ConflictingRows(ContractBroken):
    """One key with two different values."""


class ValidationFailed(ContractBroken):
    """Great Expectations found rows that break the contract."""
