"""Numbers are exact or refused: no float, no guess, no silent rounding."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_ledger.core import contract_errors
from usage_ledger.core.numbers import INT64_MAX, added, decimal, fit, integer, money


@given(st.integers(0, INT64_MAX))
def test_every_count_up_to_int64_comes_back_exactly(count: int) -> None:
    assert integer(str(count)) == count


@pytest.mark.parametrize("text", ["0", "7", str(2**53 + 1), str(INT64_MAX)])
def test_edge_counts_are_exact(text: str) -> None:
    assert str(integer(text)) == text


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", contract_errors.EmptyNumber),
        ("-5", contract_errors.NegativeCount),
        ("-9223372036854775809", contract_errors.NegativeCount),
        (str(2**63), contract_errors.OutOfRange),
        ("9" * 5000, contract_errors.OutOfRange),
        *(
            (text, contract_errors.NonCanonicalInteger)
            for text in (
                *(" 7", "7 ", "7\n", "\t7", "+7", "007", "00", "-007", "--5", "-", "+", " ", "1_000", "1,000", "1 000"),
                *("1e3", "1E3", "12.0", "12.5", "12.", ".5", "0x10", "0b1", "٣", "１２", "²", "five", "NaN", "None"),
                *("Infinity", "true", "7\0", "7​"),
            )
        ),
    ],
)
def test_every_other_form_of_a_count_is_refused(text: str, error: type[contract_errors.ContractBroken]) -> None:
    with pytest.raises(error) as caught:
        integer(text)
    assert type(caught.value) is error
    assert len(str(caught.value).splitlines()) == 1
    assert len(caught.value.what) < 200


@pytest.mark.parametrize(
    "text", ["0", "-0", "0.1", "-12.50", "1e3", "1E-7", "123456789012345678901234567890.123456789012345678", "0.0000"]
)
def test_decimals_keep_every_digit(text: str) -> None:
    assert decimal(text).as_tuple() == Decimal(text).as_tuple()


def test_ten_dimes_are_one() -> None:
    assert sum((decimal("0.1") for _ in range(10)), Decimal(0)) == 1


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", contract_errors.EmptyNumber),
        *(
            (text, contract_errors.NotFinite)
            for text in (
                *("NaN", "nan", "sNaN", "Infinity", "-Infinity", "inf", "-inf", "1e99999", "true", "null", "{}", "[1]"),
                *(" 1", "1 ", "1\n", "+1", "01", "-01", "1_0", "1,0", ".5", "5.", "٣", "0x1p3", "1e", "e3", "--1", "-"),
            )
        ),
    ],
)
def test_what_is_no_finite_decimal_is_refused(text: str, error: type[contract_errors.ContractBroken]) -> None:
    with pytest.raises(error):
        decimal(text)


@pytest.mark.parametrize(
    ("sent", "precision", "scale", "exact", "kept"),
    [
        ("1.5", 38, 18, True, "1.5"),
        ("-0.000000000000000001", 38, 18, True, "-0.000000000000000001"),
        ("1.500000000000000000000000", 38, 18, True, "1.5"),
        ("99999999999999999999.999999999999999999", 38, 18, True, "99999999999999999999.999999999999999999"),
        ("0.0000000005", 38, 9, False, "0"),
        ("0.0000000015", 38, 9, False, "0.000000002"),
        ("0.0000000025", 38, 9, False, "0.000000002"),
        ("-0.0000000015", 38, 9, False, "-0.000000002"),
        ("1e-400", 38, 9, False, "0"),
        ("0e400", 38, 9, True, "0"),
    ],
)
def test_a_value_fits_exactly_or_is_rounded_half_even(
    sent: str, precision: int, scale: int, exact: bool, kept: str
) -> None:
    assert fit(Decimal(sent), precision, scale, exact=exact) == Decimal(kept)


@pytest.mark.parametrize(
    ("sent", "exact", "error"),
    [
        ("0.0000000000000000001", True, contract_errors.CostPrecision),
        ("1e-400", True, contract_errors.CostPrecision),
        ("100000000000000000000", True, contract_errors.OutOfRange),
        ("-100000000000000000000", False, contract_errors.OutOfRange),
        ("1e400", False, contract_errors.OutOfRange),
        ("99999999999999999999.9999999999999999999", False, contract_errors.OutOfRange),
    ],
)
def test_a_value_that_the_column_cannot_hold_is_refused(
    sent: str, exact: bool, error: type[contract_errors.ContractBroken]
) -> None:
    with pytest.raises(error):
        fit(Decimal(sent), 38, 18, exact=exact)


@pytest.mark.parametrize(
    ("units", "nanos", "amount"),
    [
        (16, 800_000_000, "16.8"),
        (0, 28, "0.000000028"),
        (0, -1, "-0.000000001"),
        (-1, -750_000_000, "-1.75"),
        (5, 0, "5"),
        (0, 999_999_999, "0.999999999"),
        (INT64_MAX, 1, "9223372036854775807.000000001"),
    ],
)
def test_money_is_units_and_nanos_exactly(units: int, nanos: int, amount: str) -> None:
    assert money(units, nanos) == Decimal(amount)


@pytest.mark.parametrize(("units", "nanos"), [(1, -1), (-1, 1), (0, 10**9), (0, -(10**9)), (-3, 500_000_000)])
def test_money_that_contradicts_itself_is_refused(units: int, nanos: int) -> None:
    with pytest.raises(contract_errors.OutOfRange):
        money(units, nanos)


def test_a_sum_of_large_numbers_keeps_every_digit() -> None:
    """Python's own arithmetic keeps 28: too few for a day's numeric(38, 9)."""
    large, small = Decimal("99999999999999999999999999999.999999999"), Decimal("0.000000001")
    assert added(large, small) == Decimal(10**29)
    assert added(0, large, 10**19) == 10**48 - 10**10
    assert fit(Decimal(2**64), 38, 9, exact=True) == 2**64
