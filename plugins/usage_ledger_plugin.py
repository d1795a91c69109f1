"""Registers the timetable and the listener with Airflow."""

from airflow.plugins_manager import AirflowPlugin

from usage_ledger.airflow import listener
from usage_ledger.airflow.timetable import UsageDay


class UsageLedgerPlugin(AirflowPlugin):
    name = "usage_ledger"
    timetables = [UsageDay]  # noqa: RUF012  Airflow's own form
    listeners = [listener]  # noqa: RUF012
