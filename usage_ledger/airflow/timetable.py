"""A daily timetable whose dates are usage dates."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

DAY = timedelta(days=1)


class UsageDay(Timetable):
    """One run per usage date, due at `at` local time on the following day.

    The logical date is the usage date at 00:00 UTC, so that a backfill from A to B means the usage dates A to B, both
    included, in every zone. The data interval runs from there to the due instant. Dates that are not due yet never run.
    """

    def __init__(self, at: str = "03:00", zone: str = "UTC") -> None:
        self.at, self.zone = at, zone
        self.description = f"each usage date of {zone}, at {at} on the next day"

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "UsageDay":
        return cls(data["at"], data["zone"])

    def serialize(self) -> dict[str, Any]:
        return {"at": self.at, "zone": self.zone}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UsageDay) and other.serialize() == self.serialize()

    def __hash__(self) -> int:
        return hash((self.at, self.zone))

    @property
    def summary(self) -> str:
        return f"{self.at} {self.zone}"

    def due(self, day: date) -> datetime:
        """The instant, in UTC, at which a usage date is fetched; a time that clocks skip counts as if they did not."""
        return datetime.combine(day + DAY, time.fromisoformat(self.at), ZoneInfo(self.zone)).astimezone(UTC)

    def newest(self, at: datetime) -> date:
        """The newest usage date that is due at an instant."""
        day = at.astimezone(ZoneInfo(self.zone)).date()
        while self.due(day) > at:
            day -= DAY
        return day

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        """Of a logical date that a person chose (Airflow passes it as `run_after`) or of the instant of the trigger."""
        chosen = run_after.astimezone(UTC)
        if chosen.time() == time.min and self.due(chosen.date()) <= datetime.now(UTC):
            return self._interval(chosen.date())
        return self._interval(self.newest(run_after))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        now = datetime.now(UTC)
        after_last = (
            last_automated_data_interval.start.astimezone(UTC).date() + DAY if last_automated_data_interval else None
        )
        earliest = nearest_midnight(restriction.earliest) if restriction.earliest else None
        if restriction.catchup:
            day = max(filter(None, (after_last, earliest)), default=None)
            if day is None or (restriction.latest is not None and self.due(day) > now):
                return None
        else:
            day = max(filter(None, (after_last, earliest, self.newest(now))))
        if restriction.latest is not None and day > _last_date(restriction.latest):
            return None
        interval = self._interval(day)
        return DagRunInfo.interval(interval.start, interval.end)

    def generate_run_id(
        self, *, run_type: Any, run_after: Any, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """A scheduled run is named by its usage date. (Airflow names backfill runs itself, by their due time.)"""
        if run_type.value == "scheduled" and data_interval is not None:
            return str(run_type.generate_run_id(suffix=f"{data_interval.start:%Y-%m-%d}"))
        return str(
            super().generate_run_id(run_type=run_type, run_after=run_after, data_interval=data_interval, **extra)
        )

    def _interval(self, day: date) -> DataInterval:
        start = pendulum.datetime(day.year, day.month, day.day, tz="UTC")
        return DataInterval(start, pendulum.instance(self.due(day)))


def nearest_midnight(instant: datetime) -> date:
    """The UI sends midnights of the browser's zone; the date that was meant is the nearest one in UTC."""
    return (instant.astimezone(UTC) + DAY / 2).date()


def _last_date(latest: datetime) -> date:
    """The last date that was meant: the CLI sends its midnight, the UI the end of the day in the browser's zone."""
    in_utc = latest.astimezone(UTC)
    if in_utc.time() == time.min:
        return in_utc.date()
    return nearest_midnight(in_utc + timedelta(seconds=1) - DAY)
