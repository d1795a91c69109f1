"""Starts Airflow's metrics in a process, as a task's process starts them."""

from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics.stats_utils import get_stats_factory


def start_metrics() -> None:
    """Send from now on to where the settings say; Airflow 3.2 has another form of it than later releases."""
    if hasattr(stats, "initialize"):
        stats.initialize(factory=get_stats_factory(), export_legacy_names=False)
    else:
        stats.Stats.initialize(factory=get_stats_factory(stats.Stats))
