"""The currency of rows that name none: a zero without one is no money, and contradicts nothing."""

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from usage_ledger.core import contract_errors
from usage_ledger.reading.nested import Rows

MONEY = ("amount", "list_amount")
"""The columns that are in a row's currency; a price may have a currency where nothing was paid."""
OTHERWISE = "USD"
"""Of zeros alone: what every provider so far bills in."""


def usual_currency(sent: pa.Array) -> str:
    """The currency that most rows name."""
    names = Counter(name for name in sent.to_pylist() if name)
    return names.most_common(1)[0][0] if names else OTHERWISE


def check_no_money(rows: Rows, blank: pa.Array, amounts: list[pa.Array]) -> None:
    """Refuse an amount other than 0 in a row that names no currency. Raises `MissingField`."""
    for amount in amounts:
        number = pc.index(pc.and_(blank, pc.not_equal(amount, 0).fill_null(False)), True).as_py()
        if number >= 0:
            raise contract_errors.MissingField(f"{rows.place(number)} has an amount, and its currency is empty")
