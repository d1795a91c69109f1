"""An invented Groq organization: which project uses which model, window of five minutes by window."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from usage_ledger.sandbox.kit.account import LATE_KEY_CREATED_AT, Account
from usage_ledger.sandbox.kit.streams import BURSTS, Stream

WINDOW = 300
"""Seconds over which a rate is taken."""
SLOT_WINDOWS = 3
TOKENS_IN = "model_project_id:tokens_in:rate5m"
TOKENS_OUT = "model_project_id:tokens_out:rate5m"
REQUESTS = "model_project_id_status_code:requests:rate5m"
METRICS = (TOKENS_IN, TOKENS_OUT, REQUESTS)
PERCENTILES = tuple(f"{what}:{share}:rate5m" for what in ("tokens_in", "tokens_out") for share in ("P50", "P95", "P99"))
"""What an earlier edition of the metrics had instead: no sum of these is a total."""


@dataclass(frozen=True, slots=True)
class Series:
    """One label set of one metric. With `vanishes`, a window without use has no sample; otherwise its rate is 0."""

    metric: str
    labels: tuple[tuple[str, str], ...]
    stream: Stream
    vanishes: bool

    def windows(self, first: int, last: int) -> dict[int, int]:
        """What was counted in each window from number `first` to `last`, from 1970: a third of a slot of the stream."""
        counts: dict[int, int] = {}
        for slot in range(first // SLOT_WINDOWS, last // SLOT_WINDOWS + 1):
            amount = self.stream.between(slot, slot + 1)
            thirds = [amount * third // SLOT_WINDOWS for third in range(SLOT_WINDOWS + 1)]
            counts |= {slot * SLOT_WINDOWS + third: thirds[third + 1] - thirds[third] for third in range(SLOT_WINDOWS)}
        return counts


_MODELS = (
    ("llama-3.3-70b-versatile", 900, 300, 1),
    ("openai/gpt-oss-120b", 400, 200, 1),
    ("llama-3.1-8b-instant", 120, 30, 1),
    ("whisper-large-v3", 0, 0, 1),
)
"""Each with its thousands of input and output tokens and requests a day."""


@dataclass(frozen=True)
class GroqAccount(Account):
    """One organization, wholly determined by these values. Usage is zero before `since`, 00:00 UTC.

    Its oddities:
    the second project comes late; the third model is used in bursts, and idle series of it vanish;
    the fourth, which hears speech, has requests and no tokens; every seventh request of a pair fails with 429;
    samples lie `offset` seconds before each edge of five minutes, so that a day is shifted by as much;
    without `enterprise` the metrics are not there; `names` are the metrics' own, or those of an earlier edition.
    """

    projects: int = 2
    offset: int = 0
    enterprise: bool = True
    names: Literal["current", "percentiles"] = "current"
    partial: bool = False
    """Answers say that part of the storage was not read, and lack every second series."""
    not_a_number: bool = False
    """The first point of every series is NaN."""

    @cached_property
    def all_series(self) -> tuple[Series, ...]:
        """Every series of every metric."""
        return tuple(
            one
            for project in range(self.projects)
            for number in range(len(_MODELS))
            for one in self._pair(project, number)
        )

    def _pair(self, project: int, number: int) -> list[Series]:
        model, tokens_in, tokens_out, requests = _MODELS[number]
        project_id = f"project_01{self.number('project', project):016x}"
        born = max(self.start, LATE_KEY_CREATED_AT) if project == 1 else None
        bursts = number == 2  # one phase for all: tokens and requests of a burst fall on the same days
        labels = (("model", model), ("project_id", project_id))

        def series(metric: str, scale: int, *more: tuple[str, str], divisor: int = 1) -> Series:
            name = f"{project_id}/{model}/{metric}/{more}"
            stream = self.meter(name, scale * (project + 1), born, divisor=divisor)
            if bursts:
                stream = Stream(name, scale, stream.born, 0, BURSTS, divisor=divisor)
            return Series(metric, (*labels, *more), stream, vanishes=bursts)

        tokens = [series(TOKENS_IN, tokens_in), series(TOKENS_OUT, tokens_out)] if tokens_in else []
        good, throttled = ("status_code", "200"), ("status_code", "429")
        return [*tokens, series(REQUESTS, requests, good), series(REQUESTS, requests, throttled, divisor=7)]
