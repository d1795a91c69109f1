"""The meters of rows, with the currency that their money is in."""

from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from usage_ledger.contracts.registry import contract
from usage_ledger.core import contract_errors
from usage_ledger.reading.currency import MONEY, check_no_money, usual_currency
from usage_ledger.reading.meters import Counted, meter_column
from usage_ledger.reading.nested import Rows


def meters_of(rows: Rows, sent: dict[str, pa.Array]) -> dict[str, Counted]:
    """The meters of rows by column. A currency that is blank in `sent` becomes that of the other rows.

    Raises the number errors of `ContractBroken`.
    """
    row_set = rows.row_set
    columns = {meter.column: contract(row_set.table).column(meter.column) for meter in row_set.meters}
    blank = pc.equal(sent["currency"], "") if "currency" in sent else None
    if blank is not None and pc.any(blank).as_py():
        sent["currency"] = pc.if_else(blank, usual_currency(sent["currency"]), sent["currency"])
    constant = dict(row_set.constants).get("currency")
    currencies = sent["currency"].to_pylist() if "currency" in sent else [constant] * len(rows) if constant else None
    meters = {meter.column: meter_column(rows, meter, columns[meter.column], currencies) for meter in row_set.meters}
    if blank is not None:
        check_no_money(rows, blank, [meters[name].values for name in MONEY if name in meters])
    _check_unpaid(rows, meters)
    return meters


def _check_unpaid(rows: Rows, meters: dict[str, Counted]) -> None:
    """Refuse a row that has a quantity and a price and lacks its amount, which is then not 0. Raises `MissingField`."""
    amount = meters.get("amount")
    if amount is None or amount.sent is None or not {"quantity", "unit_price"} <= meters.keys():
        return
    charged = [pc.not_equal(meters[name].values, 0).fill_null(False) for name in ("quantity", "unit_price")]
    number = pc.index(reduce(pc.and_, charged, pc.invert(amount.sent)), True).as_py()
    if number >= 0:
        raise contract_errors.MissingField(f"{rows.place(number)} has a quantity and a price, and no amount")
