"""The meters of rows, with the currency that their money is in."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import reduce
from itertools import compress

import pyarrow as pa
import pyarrow.compute as pc

from usage_ledger.contracts.odcs import Column
from usage_ledger.contracts.registry import arrow_type, contract
from usage_ledger.core import contract_errors, numbers
from usage_ledger.model.rows import Meter
from usage_ledger.reading.currency import MONEY, check_no_money, usual_currency
from usage_ledger.reading.meters import AnyMeter, Counted, meter_column
from usage_ledger.reading.nested import Rows
from usage_ledger.reading.where import rows_where, spread


def meters_of(rows: Rows, sent: dict[str, pa.Array]) -> dict[str, Counted]:
    """The meters of rows by column. A currency that is blank in `sent` becomes that of the other rows.

    Raises the number errors of `ContractBroken`.
    """
    row_set = rows.row_set
    blank = pc.equal(sent["currency"], "") if "currency" in sent else None
    if blank is not None and pc.any(blank).as_py():
        sent["currency"] = pc.if_else(blank, usual_currency(sent["currency"]), sent["currency"])
    constant = dict(row_set.constants).get("currency")
    currencies = sent["currency"].to_pylist() if "currency" in sent else [constant] * len(rows) if constant else None
    meters: dict[str, Counted] = {}
    for meter in row_set.meters:
        counted = _counted(rows, meter, contract(row_set.table).column(meter.column), currencies)
        other = meters.get(meter.column)
        meters[meter.column] = _joined(rows, meter.column, other, counted) if other else counted
    if blank is not None:
        check_no_money(rows, blank, [meters[name].values for name in MONEY if name in meters])
    _check_unpaid(rows, meters)
    return meters


def _counted(rows: Rows, meter: AnyMeter, column: Column, currencies: Sequence[str] | None) -> Counted:
    """A meter's column: of the rows that it reads, null in the others."""
    if not isinstance(meter, Meter) or meter.where is None:
        return meter_column(rows, meter, column, currencies)
    part, mask = rows_where(rows, meter.where)
    if not len(part):
        return Counted(pa.nulls(len(rows), arrow_type(column)), {})
    currencies = [*compress(currencies, mask)] if currencies else None
    counted = meter_column(part, meter, column, currencies)
    sent = None if counted.sent is None else spread(counted.sent, mask).fill_null(False)
    return replace(counted, values=spread(counted.values, mask), sent=sent)


def _joined(rows: Rows, name: str, one: Counted, other: Counted) -> Counted:
    """One column of two meters, each of which reads rows of its own. Raises `ConflictingRows`."""
    both = pc.and_(one.values.is_valid(), other.values.is_valid())
    if (number := pc.index(both, True).as_py()) >= 0:
        raise contract_errors.ConflictingRows(f"{rows.place(number)} is read by two meters of `{name}`")
    sent = pc.or_(*(part.values.is_valid() if part.sent is None else part.sent for part in (one, other)))
    sums: dict[str, int | Decimal] = {}
    sums |= {key: numbers.added(one.sums.get(key, 0), other.sums.get(key, 0)) for key in one.sums | other.sums}
    return Counted(pc.coalesce(one.values, other.values), sums, one.notes + other.notes, sent)


def _check_unpaid(rows: Rows, meters: dict[str, Counted]) -> None:
    """Refuse a row that has a quantity and a price and lacks its amount, which is then not 0. Raises `MissingField`."""
    amount = meters.get("amount")
    if amount is None or amount.sent is None or not {"quantity", "unit_price"} <= meters.keys():
        return
    charged = [pc.not_equal(meters[name].values, 0).fill_null(False) for name in ("quantity", "unit_price")]
    number = pc.index(reduce(pc.and_, charged, pc.invert(amount.sent)), True).as_py()
    if number >= 0:
        raise contract_errors.MissingField(f"{rows.place(number)} has a quantity and a price, and no amount")
