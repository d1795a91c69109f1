"""An answer, or a value or row in it, that breaks its data contract. A person must act."""

from usage_ledger.core.errors import PersonMustAct


class ContractBroken(PersonMustAct):
    """The answer, or the rows made of it, break the data contract; nothing of the window was loaded."""

    remedy = "the raw pages are kept: correct the provider's declaration or ask the provider, then run the window again"


class Shape(ContractBroken):
    """A value of another JSON type than declared."""


class MissingField(ContractBroken):
    """A required field is absent."""


class MissingGroupKey(ContractBroken):
    """A grouping that was asked for is absent from a row."""


class MissingList(ContractBroken):
    """An array that the provider always sends is absent or null."""

    remedy = "it is no empty list, so nothing of the window was loaded: run the window again"


class MissingBucket(ContractBroken):
    """The provider sends a bucket for each date, and the one of a date did not come."""

    remedy = "such a date was not read: what the ledger holds of it stands, and the next run asks for it again"


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
