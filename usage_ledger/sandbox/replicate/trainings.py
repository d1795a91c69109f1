"""Invented trainings: one a day, of the account's own model; the list has no filter and begins with the newest."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.replicate.account import ReplicateAccount

FIRST_AT = datetime(2026, 10, 25, 11, 0, tzinfo=UTC)
LAST_AT = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)
"""When the account trained for the first and for the last time; in no zone near the edge of a day."""
_FAILED = 5


@dataclass(frozen=True, slots=True)
class Training:
    """One training in its final state; `run` is in milliseconds."""

    training_id: str
    model: str
    version: str
    created_at: datetime
    run: int
    steps: int
    final_status: str

    @property
    def completed_at(self) -> datetime:
        """When it ended, a minute of waiting included."""
        return self.created_at + timedelta(minutes=1, milliseconds=self.run)

    def status_at(self, now: datetime | None) -> str:
        """Its status as seen at `now`; without it, the final one."""
        return self.final_status if now is None or self.completed_at <= now else "processing"


def trainings_before(account: ReplicateAccount, moment: datetime) -> Iterator[Training]:
    """Those created before a moment, oldest first."""
    created_at = FIRST_AT
    while created_at <= LAST_AT and created_at < moment:
        lot = account.number("training", created_at.date())
        yield Training(
            training_id=f"{lot:016x}",
            model=f"{account.account}/style-trainer",
            version=f"{account.number('trainer'):016x}",
            created_at=created_at,
            run=60_000 + lot % 900_000,
            steps=500 + lot % 1_500,
            final_status="failed" if lot % _FAILED == 0 else "succeeded",
        )
        created_at += timedelta(days=1)


def training_record(training: Training, now: datetime) -> Json:
    """One training as the API writes it at `now`."""
    ended = training.completed_at <= now
    seconds = Decimal(training.run).scaleb(-3)
    metrics = {"predict_time": seconds, "total_time": seconds + 60, "training_step_count": training.steps}
    return {
        "id": training.training_id,
        "model": training.model,
        "version": training.version,
        "source": "api",
        "status": training.status_at(now),
        "created_at": _written(training.created_at),
        "started_at": _written(training.created_at + timedelta(minutes=1)),
        "completed_at": _written(training.completed_at) if ended else None,
        "metrics": metrics if ended else {},
        "input": {"prompt": "PROMPT-CANARY"},
        "output": {"version": f"{training.model}:PROMPT-CANARY", "weights": "https://example.com/PROMPT-CANARY.tar"},
        "error": "PROMPT-CANARY" if training.final_status == "failed" else None,
        "urls": {"get": f"https://api.replicate.com/v1/trainings/{training.training_id}"},
    }


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
