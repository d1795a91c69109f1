"""A row of the file of public prices."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple


class Row(NamedTuple):
    """What `per` of a meter costs by a catalogue, in a half-open interval of dates."""

    provider: str
    model: str
    meter: str
    service_tier: str
    context_from: int
    region: str
    amount: Decimal
    per: int
    valid_from: date
    valid_to: date
    source: str

    @property
    def key(self) -> tuple[object, ...]:
        """What is priced: all but the price and the dates."""
        return self[:6] + self[10:]
