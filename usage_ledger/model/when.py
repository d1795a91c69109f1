"""When a row's usage was: in a time slice, on a date, at a moment, or in the step that a point stands for."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from usage_ledger.core.errors import ConfigError

Clock = Literal["rfc3339", "epoch"]
"""How an instant is written; `epoch` is seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Rows belong to a time slice of the vendor: the paths of its start and end."""

    start: str
    end: str
    clock: Clock = "rfc3339"
    every_day: bool = False
    """The vendor sends a bucket for each date asked for, without rows where nothing was used: a date whose bucket did
    not come was not read. The bounds must be those of an element that holds the rows (`^`)."""

    def __post_init__(self) -> None:
        if self.every_day and not (self.start.startswith("^") and self.end.startswith("^")):
            raise ConfigError(
                f"a bucket at {self.start} is declared for every date, but a date without rows would have none",
                next_step="declare `every_day` where an element above the rows holds the bounds",
            )


@dataclass(frozen=True, slots=True)
class Day:
    """Rows belong to a UTC date at this path, with or without the time 00:00."""

    path: str
    form: Literal["text", "digits"] = "text"
    """`digits` is a number such as 20261108, or a text of it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Rows are events, at the instant at this path (RFC 3339).

    Events of a day with the same dimensions are added up to one row; events of other days are left out.
    """

    path: str
    event_id: str
    """The path of an event's id; when several answers hold an event, the first counts."""
    completion: str = ""
    """A path that has a value once the event has ended: a day with events that have none there is not settled."""


@dataclass(frozen=True, slots=True)
class Point:
    """Rows are points of a series: each stands for `step` after its instant, or before it.

    Steps tile a usage date from its midnight on. A point whose step does not lie within one date, or that is not of the
    window, is refused, as a bucket is. Raises `ConfigError` for a step that does not divide a day.
    """

    path: str
    """The instant. By `epoch` a number of any JSON form, or a text of one: `1795132800`, `"1795132800.0"`."""
    step: timedelta
    edge: Literal["start", "end"] = "start"
    """Where in its step the instant is: with `end` that of the window's end belongs to its last date."""
    clock: Clock = "rfc3339"

    def __post_init__(self) -> None:
        if self.step <= timedelta() or timedelta(days=1) % self.step:
            raise ConfigError(
                f"a point at {self.path} stands for {self.step}, which does not divide a day",
                next_step="declare the step that the request asks for",
            )


When = Bucket | Day | Moment | Point
