"""Invented predictions: hashes of its quarter hour and its number decide all about one.

Oddities, as life has them:
- predictions in the first and in the last microsecond of a quarter hour, so of days too;
- aborted ones that never started, and ones that ended before they were created, by their times;
- ended ones without `predict_time`, with one of 0, and with one that is not the time between start and end;
- language models that tell both counts of tokens, one of them, or none;
- times with three to eight digits of a second, also beyond the microsecond.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from usage_ledger.sandbox.kit.slots import SLOT, instant_of

FINAL_AFTER = timedelta(minutes=10)
"""The age at which a prediction has ended."""
MICROSECOND = timedelta(microseconds=1)
_SLOT_MICROS = SLOT // MICROSECOND
# How a prediction ends, and which time its metrics hold.
_COURSES = (
    *(("succeeded", "elapsed"),) * 8,
    *(("succeeded", "nanos"),) * 2,
    *(("succeeded", "missing"),) * 2,
    ("succeeded", "zero"),
    ("succeeded", "early"),
    ("failed", "elapsed"),
    ("failed", "missing"),
    ("canceled", "elapsed"),
    ("canceled", "nanos"),
    *(("aborted", "never"),) * 2,
)


@dataclass(frozen=True, slots=True)
class Model:
    """A model and its versions, each with the slot from which it holds; the account's own can be deployed."""

    name: str
    versions: tuple[tuple[str, int], ...]
    own: bool
    tokens: bool = False

    def version_in(self, slot: int) -> str:
        """The version that holds in `slot`; '' before the first."""
        return next((version for version, first in reversed(self.versions) if first <= slot), "")


@dataclass(frozen=True, slots=True)
class Prediction:
    """One prediction in its final state. `wait` is None if it never started; `predict_nanos` if no metric tells.

    `digits` and `tail` are how the creation is written: digits of the second, and hundredths of a microsecond;
    `run_digits` and `run_tail` are those of start and end.
    """

    prediction_id: str
    created_at: datetime
    digits: int
    tail: int
    run_digits: int
    run_tail: int
    model: Model
    version: str
    deployment: str
    source: str
    final_status: str
    wait: int | None
    run: int
    predict_nanos: int | None
    input_tokens: int | None
    output_tokens: int | None

    @property
    def started_at(self) -> datetime | None:
        """When it left the queue."""
        return None if self.wait is None else self.created_at + self.wait * MICROSECOND

    @property
    def completed_at(self) -> datetime:
        """When it ended; one that never started is aborted after a minute."""
        return (self.started_at or self.created_at) + self.run * MICROSECOND

    def status_at(self, now: datetime | None) -> str:
        """Its status as seen at `now`; without it, the final one."""
        if now is None or now - self.created_at >= FINAL_AFTER:
            return self.final_status
        return "processing" if self.started_at and self.started_at <= now else "starting"


def _tokens(model: Model, status: str, lot: int) -> tuple[int | None, int | None]:
    """The counts of input and output tokens; None for one that is not sent."""
    if not model.tokens or status != "succeeded" or lot % 7 == 0:
        return None, None
    return lot // 7 % 4000, None if lot % 7 == 1 else lot // 28_000 % 900


def _offset(number: int, count: int, lot: int) -> int:
    """Microseconds from the slot's begin: inside the prediction's own part, so that no two are created at once."""
    if number == 0 and lot % 8 == 0:
        return 0
    if number == count - 1 and lot % 8 == 1:
        return _SLOT_MICROS - 1
    part = 900_000 // count * 1000
    return number * part + lot // 8 % part


def _times(course: str, lot: int, created: int, digits: int) -> tuple[int | None, int, int | None]:
    """`wait`, `run` and `predict_nanos`, so that start and end need no more digits than there are."""
    if course == "never":
        return None, 60_000_000, None
    unit = 10 ** max(0, 6 - digits)
    # Mostly seconds, sometimes minutes: always over before `FINAL_AFTER`.
    run = 12_000 + lot % (400_000_000 if lot % 11 == 0 else 9_000_000)
    wait = lot // 97 % (60_000_000 if lot % 5 == 0 else 700_000)
    if course == "early":
        run, wait = 12_000 + lot % 8_000, -30_000
    run -= run % unit
    wait -= (created + wait) % unit
    details = {"missing": None, "zero": 0, "nanos": run * 800 + lot % 1000}
    return wait, run, details.get(course, run * 1000)


class Lots(NamedTuple):
    """Hashes that decide about one prediction, each about something else."""

    what: int
    when: int
    how: int
    where: int
    words: int


def prediction_of(lots: Lots, model: Model, deployments: list[str], slot: int, number: int, count: int) -> Prediction:
    """The prediction with this number, of `count` in its slot. It runs in one of `deployments` if it came by API."""
    offset = _offset(number, count, lots.when)
    digits = 6 if offset == _SLOT_MICROS - 1 else 3 + lots.when // 10**12 % 6
    offset -= offset % 10 ** max(0, 6 - digits)
    status, course = _COURSES[lots.how % len(_COURSES)]
    run_digits = 3 + lots.how // 10**12 % 6
    wait, run, predict_nanos = _times(course, lots.how // len(_COURSES), offset, run_digits)
    source = "web" if lots.where % 3 == 0 else "api"
    places = deployments if source == "api" else [""]
    input_tokens, output_tokens = _tokens(model, status, lots.words)
    return Prediction(
        prediction_id=f"{lots.what:016x}{lots.where % 16**10:010x}",
        created_at=instant_of(slot) + offset * MICROSECOND,
        digits=digits,
        tail=lots.when // 10**6 % 100,
        run_digits=run_digits,
        run_tail=lots.how // 10**6 % 100,
        model=model,
        version=model.version_in(slot),
        deployment=places[lots.where // 3 % len(places)],
        source=source,
        final_status=status,
        wait=wait,
        run=run,
        predict_nanos=predict_nanos,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
    )
