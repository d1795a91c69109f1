"""Exact numbers from a provider's JSON. Nothing passes through float."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

from usage_ledger.core import contract_errors

INT64_MAX = 2**63 - 1
ZERO = Decimal(0)
EXACT = Context(prec=200)
"""Room for any sum or product of the ledger's numbers. Python's own 28 digits would round a sum of large ones."""
LONGEST = 40
"""Digits beyond which a number is not written out: no column holds half as many."""
CANONICAL_INTEGER = r"(?:0|[1-9][0-9]*)"
"""A count as text: ASCII digits, no sign, no leading zero, no blanks. Also the pattern of the vectorised check."""

_integer = re.compile(CANONICAL_INTEGER)
_decimal = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?")


def integer(text: str) -> int:
    """A count of at most 2^63-1 from its canonical text.

    Raises `EmptyNumber`, `NegativeCount`, `NonCanonicalInteger` or `OutOfRange`, each naming the text.
    """
    if text == "":
        raise contract_errors.EmptyNumber("an empty text where a count is expected")
    if not _integer.fullmatch(text):
        if text[0] == "-" and _integer.fullmatch(text[1:]):
            raise contract_errors.NegativeCount(f"the count {text!r} is negative")
        raise contract_errors.NonCanonicalInteger(f"{text[:40]!r} is not a whole number in plain digits")
    if len(text) > 19 or int(text) > INT64_MAX:
        raise contract_errors.OutOfRange(f"the count {text[:40]} is larger than {INT64_MAX}")
    return int(text)


def plain_digits(literal: str) -> str:
    """A JSON number that is whole, such as 44.0 or 4.4e1, in plain digits; any other literal as it is."""
    if not _decimal.fullmatch(literal):
        return literal
    value = Decimal(literal)
    if value.adjusted() > LONGEST or value != value.to_integral_value(context=EXACT):
        return literal
    return f"{value:.0f}" if value else "0"


def decimal(text: str) -> Decimal:
    """A finite decimal from its literal, every digit kept.

    Raises `EmptyNumber` or `NotFinite`.
    """
    if text == "":
        raise contract_errors.EmptyNumber("an empty text where a number is expected")
    if not _decimal.fullmatch(text):
        raise contract_errors.NotFinite(f"{text[:40]!r} is not a finite decimal number")
    return Decimal(text)


def fit(value: Decimal, precision: int, scale: int, *, exact: bool) -> Decimal:
    """The value with at most `scale` places; an inexact source is rounded half-even.

    Raises `CostPrecision` when an exact value has more places, `OutOfRange` when it has too many digits.
    """
    if value and value.adjusted() > precision - scale - 1:
        raise contract_errors.OutOfRange(f"{value:.6E} has more than {precision - scale} digits before the point")
    fitted = value.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_EVEN, EXACT)
    if fitted and fitted.adjusted() > precision - scale - 1:
        raise contract_errors.OutOfRange(f"{value:.6E} rounds to more than {precision - scale} digits before the point")
    if exact and fitted != value:
        raise contract_errors.CostPrecision(f"{value} has more than {scale} decimal places")
    return fitted


def whole(value: Decimal, *, exact: bool) -> int:
    """The value as a count of at most 2^63-1; an inexact source is rounded half-even.

    Raises `FractionalCount` for an exact value with a fraction, `OutOfRange`.
    """
    if value and value.adjusted() > LONGEST:
        raise contract_errors.OutOfRange(f"the count {value:.6E} is larger than {INT64_MAX}")
    fitted = int(value.to_integral_value(ROUND_HALF_EVEN, EXACT))
    if exact and fitted != value:
        raise contract_errors.FractionalCount(f"the count {value} is not a whole number")
    if abs(fitted) > INT64_MAX:
        raise contract_errors.OutOfRange(f"the count {fitted} is larger than {INT64_MAX}")
    return fitted


def added(one: int | Decimal, other: int | Decimal, times: int = 1) -> Decimal:
    """one + other x times, every digit kept."""
    return EXACT.fma(other, times, one)


def scaled(value: Decimal, scale: Decimal) -> Decimal:
    """value x scale, every digit kept."""
    return EXACT.multiply(value, scale)


def money(units: int, nanos: int) -> Decimal:
    """google.type.Money as a decimal: units + nanos / 10^9, exactly.

    Raises `OutOfRange` when the signs differ or nanos is not below one unit.
    """
    if abs(nanos) >= 10**9 or units * nanos < 0:
        raise contract_errors.OutOfRange(f"money of {units} units and {nanos} nanos contradicts itself")
    return added(units, Decimal(nanos).scaleb(-9))
