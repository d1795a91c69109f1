"""The running totals of an answer, exact."""

from collections.abc import Iterator

import msgspec

from usage_ledger.core import numbers
from usage_ledger.core.contract_errors import EmptyNumber, NotFinite, Shape
from usage_ledger.json.text import plain
from usage_ledger.model.provider import Report
from usage_ledger.storage.staged import RunningTotal


def running_totals(report: Report, body: bytes) -> Iterator[tuple[str, RunningTotal]]:
    """Each total's path, and its value with every digit. Raises `Shape` for one that is absent or no number."""
    for one in report.running_totals:
        value = msgspec.Raw(plain(body))
        try:
            for name in one.path.split("/"):
                value = msgspec.json.decode(value, type=dict[str, msgspec.Raw])[name]
            total = numbers.decimal(bytes(value).decode().strip('"'))
        except (msgspec.DecodeError, KeyError, EmptyNumber, NotFinite) as error:
            raise Shape(f"the answer has no number at {one.path}") from error
        yield one.path, RunningTotal(one.of, f"{total:f}")
