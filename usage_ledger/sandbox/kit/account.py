"""What every invented account has: a seed, a name, a first day, ids, meters, and things that change over time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from usage_ledger.sandbox.kit.slots import FOREVER, midnight, slot_of
from usage_ledger.sandbox.kit.streams import STEADY, Cycles, Stream, stable, stream

RENAMED_AT = datetime(2026, 11, 18, 11, 30, tzinfo=UTC)
"""When the second key is renamed: inside a local day, never on its edge, in every zone."""
LATE_KEY_CREATED_AT = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
"""When the fourth key is created."""


class Name(NamedTuple):
    """A name and the slots `[first, last)` in which it holds."""

    text: str
    first: int = 0
    last: int = FOREVER


def names_of(name: str, renamed_at: datetime | None = None) -> tuple[Name, ...]:
    """One name, or two where it changes."""
    if renamed_at is None:
        return (Name(name),)
    slot = slot_of(renamed_at)
    return Name(name, last=slot), Name(f"{name}-v2", slot)


def name_at(names: tuple[Name, ...], now: datetime) -> str:
    """The name that holds at `now`."""
    return next(name.text for name in names if name.first <= slot_of(now) < name.last)


def is_over(end: datetime | None, now: datetime) -> bool:
    """Whether something has ended by `now`; without an end it never does."""
    return end is not None and end <= now


@dataclass(frozen=True)
class Account:
    """One account, wholly determined by its values. Usage is zero before `since`, 00:00 UTC."""

    seed: int = 1
    account: str = "sandbox"
    since: date = date(2024, 1, 1)

    @property
    def account_id(self) -> str:
        """The id by which the service knows the account: its name, where the service has no ids of another form."""
        return self.account

    @property
    def settings(self) -> dict[str, str | tuple[str, ...]]:
        """What a connection to the account names beside the account and its key."""
        return {}

    def secret(self, key: str) -> str:
        """What a connection to the account stores, where `key` opens it: the key itself, or a text that holds it."""
        return key

    @property
    def start(self) -> datetime:
        """When everything begins that does not come late."""
        return midnight(self.since)

    def number(self, *parts: object) -> int:
        """A 64-bit integer of this account alone."""
        return stable(self.seed, self.account, *parts)

    def meter(
        self,
        name: str,
        scale: int,
        born: datetime | None = None,
        cycles: Cycles = STEADY,
        *,
        last: int = FOREVER,
        divisor: int = 1,
    ) -> Stream:
        """The stream of that name, from `born` or the account's start on."""
        first = slot_of(born or self.start)
        return stream(f"{self.seed}/{self.account}/{name}", scale, first, cycles, last=last, divisor=divisor)
