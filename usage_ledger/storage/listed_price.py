"""A price of a vendor's list, as it is staged."""

import msgspec


class ListedPrice(msgspec.Struct, frozen=True, order=True):
    """A price of a vendor's list, its numbers exact as text."""

    model: str
    meter: str
    tier: str
    currency: str
    per: str
    amount: str
