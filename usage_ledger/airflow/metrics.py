"""Sends metrics through Airflow's own: StatsD, its dialects with tags, and OpenTelemetry. Nothing where all are off."""

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from usage_ledger.connections import Connection
from usage_ledger.core.steps import Step
from usage_ledger.core.windows import day_bounds

if TYPE_CHECKING:
    from sqlalchemy import Engine

PREFIX = "usage_ledger"
Backend = Literal["", "names", "tags"]


@cache
def backend() -> Backend:
    """How Airflow sends metrics in this process: not at all, with what they are of in their names, or as tags."""
    from airflow.configuration import conf

    def on(option: str, fallback: bool = False) -> bool:
        return bool(conf.getboolean("metrics", option, fallback=fallback))

    if on("statsd_datadog_enabled"):
        return "tags" if on("statsd_datadog_metrics_tags", fallback=True) else "names"
    if on("statsd_on"):
        return "tags" if on("statsd_influxdb_enabled") else "names"
    return "tags" if on("otel_on") else ""


def send_step(step: Step, provider: str) -> None:
    """Count what a step did: of extract what it fetched, of load what it brought in."""
    for name, number in step.counts.items():
        if number:
            _send("incr", name, number, provider, step.connection_id, step.report)


def send_lag(connection: Connection, engine: "Engine") -> None:
    """Of each report of days: hours since the end of its newest loaded date, and how many dates are held."""
    from usage_ledger.warehouse.coverage import newest_dates

    now = datetime.now(UTC)
    for one in newest_dates(engine, connection.id):
        of = (connection.provider, connection.id, one.report)
        _send("gauge", "held_days", one.held, *of)
        if one.newest is not None:
            _, end = day_bounds(one.newest, ZoneInfo(one.day_zone))
            _send("gauge", "lag_hours", round((now - end).total_seconds() / 3600, 2), *of)


def _send(method: str, name: str, value: float, provider: str, connection_id: str, report: str) -> None:
    send = getattr(_stats(), method)
    if backend() == "names":
        send(f"{PREFIX}.{name}.{provider}.{connection_id}.{report}", value)
    else:
        send(f"{PREFIX}.{name}", value, tags={"provider": provider, "connection": connection_id, "report": report})


def _stats() -> Any:
    """Airflow's own, which has been elsewhere before Airflow 3.2."""
    try:
        from airflow.sdk.observability.stats import Stats
    except ImportError:
        from airflow.stats import Stats
    return Stats
