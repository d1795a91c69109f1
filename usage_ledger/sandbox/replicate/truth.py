"""An invented Replicate account: its predictions, one by one, and what they add up to.

A prediction is made of whole numbers that its quarter hour and its place in it determine. The answers write these down
as records; `expected` adds them up, over days that it finds by asking every prediction for its date.

Oddities, as life has them:
- predictions in the first and in the last microsecond of a quarter hour, so of days too;
- days of UTC without any, calm nights and weekends;
- a model that appears late, and one that changes its version in the middle of a day;
- versions that are no hash: `hidden` and an internal `dp-...`;
- a deployment that ran predictions and is not listed any more; predictions without any;
- aborted ones that never started, and ones that ended before they were created, by their times;
- ended ones without `predict_time`, with one of 0, and with one that is not the time between start and end;
- language models that tell both counts of tokens, one of them, or none;
- times with three to eight digits of a second, also beyond the microsecond.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from usage_ledger.sandbox.kit.slots import DAY_SLOTS, instant_of, slot_of
from usage_ledger.sandbox.kit.streams import stable
from usage_ledger.sandbox.kit.totals import Totals, midnight

LATE_MODEL_AT = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
"""Before this nobody uses the fifth model."""
NEW_VERSION_AT = datetime(2026, 11, 18, 11, 30, tzinfo=UTC)
"""When the first model changes its version: inside a local day, never on its edge, in every zone."""
FINAL_AFTER = timedelta(minutes=10)
"""A younger prediction has not ended; an older one has."""
HARDWARE = {
    "cpu": "CPU",
    "gpu-t4": "Nvidia T4 GPU",
    "gpu-l40s": "Nvidia L40S GPU",
    "gpu-a100-large": "Nvidia A100 (80GB) GPU",
    "gpu-h100": "Nvidia H100 GPU",
}
"""Names by SKU."""
DIMENSIONS = ("", "model", "model_version", "status", "channel", "deployment", "accelerator")
"""What `expected` breaks down by."""

_MICROSECOND = timedelta(microseconds=1)
_SLOT_MICROS = 900_000_000
_DEPLOYED_ON = ("gpu-l40s", "gpu-t4", "cpu", "gpu-a100-large")
_OFFICE, _NIGHT, _WEEKEND = (1, 2, 3, 3), (0, 1, 1, 2), (0, 0, 1, 1)
# How a prediction ends, and what its metrics tell of the time it took.
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
class Deployment:
    """A deployment that is listed; `name` is `owner/name` as predictions have it."""

    name: str
    model: Model
    hardware: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """One prediction as it is at last. `wait` is None if it never started; `predict_nanos` if no metric tells.

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
        return None if self.wait is None else self.created_at + self.wait * _MICROSECOND

    @property
    def completed_at(self) -> datetime:
        """When it ended; one that never started is aborted after a minute."""
        return (self.started_at or self.created_at) + self.run * _MICROSECOND

    def status_at(self, now: datetime | None) -> str:
        """Its status as seen at `now`; without it, the final one."""
        if now is None or now - self.created_at >= FINAL_AFTER:
            return self.final_status
        return "processing" if self.started_at and self.started_at <= now else "starting"


def _version(*parts: object) -> str:
    return "".join(f"{stable('version', *parts, part):016x}" for part in range(4))


def _models(seed: int, account: str, count: int) -> tuple[Model, ...]:
    style, upscaler = f"{account}/style", f"{account}/upscaler"
    new = (_version(seed, upscaler, 2), slot_of(NEW_VERSION_AT))
    available = (
        Model(upscaler, ((_version(seed, upscaler, 1), 0), new), own=True),
        Model("meta/meta-llama-3-70b-instruct", (("hidden", 0),), own=False, tokens=True),
        Model(style, ((_version(seed, style, 1), 0),), own=True),
        Model("replicate-internal/flux-dev", ((f"dp-{stable(seed, 'dp'):016x}", 0),), own=False),
        Model("black-forest-labs/flux-schnell", (("hidden", slot_of(LATE_MODEL_AT)),), own=False),
    )
    others = (f"{account}/model-{number}" for number in range(len(available), count))
    return (*available[:count], *(Model(name, ((_version(seed, name), 0),), own=True) for name in others))


def _tokens(model: Model, status: str, lot: int) -> tuple[int | None, int | None]:
    """Both counts, as far as they are sent."""
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


@dataclass(frozen=True)
class ReplicateTruth:
    """One account, wholly determined by these values; nothing happens before `since`, 00:00 UTC.

    There is at least one model. A quarter hour has 0 to 3 predictions times `rate`. `http_next` makes the address of
    the next page begin with `http://api.replicate.com`, as in the documentation's examples.
    """

    seed: int = 1
    account: str = "sandbox"
    models: int = 5
    deployments: int = 2
    rate: int = 1
    since: date = date(2024, 1, 1)
    http_next: bool = False

    @cached_property
    def all_models(self) -> tuple[Model, ...]:
        """The models, also those not used yet."""
        return _models(self.seed, self.account, self.models)

    @cached_property
    def all_deployments(self) -> tuple[Deployment, ...]:
        """The deployments that are listed, each of one of the account's own models."""
        own = [model for model in self.all_models if model.own]
        return tuple(
            Deployment(
                f"{own[number % len(own)].name}-{number + 1}",
                own[number % len(own)],
                _DEPLOYED_ON[number % len(_DEPLOYED_ON)],
            )
            for number in range(self.deployments)
        )

    @cached_property
    def _deployment_names(self) -> dict[str, list[str]]:
        """Where each model runs: '' is nowhere in particular, the last of the first model is not listed any more."""
        names = {model.name: [""] for model in self.all_models}
        for deployment in self.all_deployments:
            names[deployment.model.name].append(deployment.name)
        if self.deployments:
            names[self.all_models[0].name].append(f"{self.account}/retired")
        return names

    @cached_property
    def _hardware(self) -> dict[str, str]:
        return {deployment.name: deployment.hardware for deployment in self.all_deployments}

    def predictions_in(self, slot: int) -> tuple[Prediction, ...]:
        """The predictions created in `slot`, oldest first."""
        if slot < slot_of(midnight(self.since)):
            return ()
        day, quarter = divmod(slot, DAY_SLOTS)
        if stable(self.seed, self.account, "idle", day) % 29 == 0:
            return ()
        # 1970 began on a Thursday: day 2 and 3 of its weeks are a weekend.
        busy = _WEEKEND if day % 7 in (2, 3) else _OFFICE if 32 <= quarter < 80 else _NIGHT
        count = busy[stable(self.seed, self.account, "count", slot) % len(busy)] * self.rate
        return tuple(self._prediction(slot, number, count) for number in range(count))

    def _prediction(self, slot: int, number: int, count: int) -> Prediction:
        # Independent lots: what one of them decides says nothing about the others.
        what, when, how, where, spoken = (
            stable(self.seed, self.account, name, slot, number) for name in ("what", "when", "how", "where", "spoken")
        )
        offset = _offset(number, count, when)
        digits = 6 if offset == _SLOT_MICROS - 1 else 3 + when // 10**12 % 6
        offset -= offset % 10 ** max(0, 6 - digits)
        status, course = _COURSES[how % len(_COURSES)]
        run_digits = 3 + how // 10**12 % 6
        wait, run, predict_nanos = _times(course, how // len(_COURSES), offset, run_digits)
        in_use = [model for model in self.all_models if model.version_in(slot)]
        model = in_use[what % len(in_use)]
        source = "web" if where % 3 == 0 else "api"
        places = self._deployment_names[model.name] if source == "api" else [""]
        input_tokens, output_tokens = _tokens(model, status, spoken)
        return Prediction(
            prediction_id=f"{what:016x}{where % 16**10:010x}",
            created_at=instant_of(slot) + offset * _MICROSECOND,
            digits=digits,
            tail=when // 10**6 % 100,
            run_digits=run_digits,
            run_tail=how // 10**6 % 100,
            model=model,
            version=model.version_in(slot),
            deployment=places[where // 3 % len(places)],
            source=source,
            final_status=status,
            wait=wait,
            run=run,
            predict_nanos=predict_nanos,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )

    def expected(
        self, report: str, first: date, end: date, zone: str = "UTC", *, by: str = "", now: datetime | None = None
    ) -> Totals:
        """Totals of `predictions` per (local date of creation, '', value of `by`) and column of the ledger.

        With `now`, only those created before it count, and those that have not ended by then only as requests.
        """
        if report != "predictions" or by not in DIMENSIONS:
            raise ValueError(f"nothing is expected of {report!r} by {by!r}")
        clock = ZoneInfo(zone)
        totals: Totals = {}
        for prediction in self._around(first, end):
            day = prediction.created_at.astimezone(clock).date()
            if not first <= day < end or (now is not None and prediction.created_at >= now):
                continue
            total = totals.setdefault((day, "", self._value(prediction, by, now)), _nothing())
            total["requests"] += 1
            if now is None or now - prediction.created_at >= FINAL_AFTER:
                total["compute_seconds"] += _compute_seconds(prediction)
                total["input_tokens"] += prediction.input_tokens or 0
                total["output_tokens"] += prediction.output_tokens or 0
        return totals

    def _around(self, first: date, end: date) -> Iterator[Prediction]:
        """All predictions that may lie in `[first, end)` of any zone, and some that do not."""
        low = slot_of(midnight(first)) - DAY_SLOTS
        high = slot_of(midnight(end)) + DAY_SLOTS
        for slot in range(low, high):
            yield from self.predictions_in(slot)

    def _value(self, prediction: Prediction, by: str, now: datetime | None) -> str:
        values = {
            "model": prediction.model.name,
            "model_version": prediction.version,
            "status": prediction.status_at(now),
            "channel": prediction.source,
            "deployment": prediction.deployment,
            "accelerator": self._hardware.get(prediction.deployment, ""),
        }
        return values.get(by, "")


def _nothing() -> dict[str, int | Decimal]:
    return {"requests": 0, "compute_seconds": Decimal(0), "input_tokens": 0, "output_tokens": 0}


def _compute_seconds(prediction: Prediction) -> Decimal:
    if prediction.predict_nanos is not None:
        return Decimal(prediction.predict_nanos).scaleb(-9)
    return Decimal(0) if prediction.wait is None else Decimal(prediction.run).scaleb(-6)
