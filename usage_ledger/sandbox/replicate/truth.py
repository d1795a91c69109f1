"""What is true of an invented Replicate account, in the ledger's columns.

The answers write predictions down as records; `expected` adds them up, over days that it finds by asking every
prediction for its date.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from usage_ledger.sandbox.kit.slots import DAY_SLOTS, midnight, slot_of
from usage_ledger.sandbox.kit.totals import Totals, add_to
from usage_ledger.sandbox.replicate.account import ReplicateAccount
from usage_ledger.sandbox.replicate.predictions import FINAL_AFTER, Prediction
from usage_ledger.sandbox.replicate.trainings import Training, trainings_before

DIMENSIONS = ("", "model", "model_version", "status", "channel", "deployment", "accelerator")
"""What `expected` breaks down by."""


@dataclass(frozen=True)
class ReplicateTruth(ReplicateAccount):
    """An account, and what is true of it."""

    @cached_property
    def _hardware(self) -> dict[str, str]:
        return {deployment.name: deployment.hardware for deployment in self.all_deployments}

    def expected(
        self, report: str, first: date, end: date, zone: str = "UTC", *, by: str = "", now: datetime | None = None
    ) -> Totals:
        """Totals of a report per (local date of creation, '', value of `by`) and column of the ledger.

        With `now`, only those created before it count, and those that have not ended by then only as requests.
        """
        if report not in ("predictions", "trainings") or by not in DIMENSIONS:
            raise ValueError(f"nothing is expected of {report!r} by {by!r}")
        clock = ZoneInfo(zone)
        totals: Totals = {}
        if report == "trainings":
            for training in trainings_before(self, now or midnight(end) + timedelta(days=1)):
                day = training.created_at.astimezone(clock).date()
                if first <= day < end:
                    add_to(totals, (day, "", _of_training(training, by, now)), _trained(training, now))
            return totals
        for prediction in self._around(first, end):
            day = prediction.created_at.astimezone(clock).date()
            if not first <= day < end or (now is not None and prediction.created_at >= now):
                continue
            add_to(totals, (day, "", self._value(prediction, by, now)), _amounts(prediction, now))
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


def _of_training(training: Training, by: str, now: datetime | None) -> str:
    values = {"model": training.model, "model_version": training.version, "channel": "api"}
    return training.status_at(now) if by == "status" else values.get(by, "")


def _trained(training: Training, now: datetime | None) -> dict[str, int | Decimal]:
    if now is not None and training.completed_at > now:
        return {"requests": 1, "compute_seconds": Decimal(0), "training_steps": 0}
    return {"requests": 1, "compute_seconds": Decimal(training.run).scaleb(-3), "training_steps": training.steps}


def _amounts(prediction: Prediction, now: datetime | None) -> dict[str, int | Decimal]:
    over = now is None or now - prediction.created_at >= FINAL_AFTER
    return {
        "requests": 1,
        "compute_seconds": _compute_seconds(prediction) if over else Decimal(0),
        "input_tokens": (over and prediction.input_tokens) or 0,
        "output_tokens": (over and prediction.output_tokens) or 0,
    }


def _compute_seconds(prediction: Prediction) -> Decimal:
    if prediction.predict_nanos is not None:
        return Decimal(prediction.predict_nanos).scaleb(-9)
    return Decimal(0) if prediction.wait is None else Decimal(prediction.run).scaleb(-6)
