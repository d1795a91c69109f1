"""Registers the timetable, the listener and the Usage page with Airflow."""

import sys

from airflow.plugins_manager import AirflowPlugin

from usage_ledger.airflow import listener
from usage_ledger.airflow.page_places import react_apps
from usage_ledger.airflow.timetable import UsageDay


class UsageLedgerPlugin(AirflowPlugin):
    name = "usage_ledger"
    timetables = [UsageDay]  # noqa: RUF012  Airflow's own form
    listeners = [listener]  # noqa: RUF012
    react_apps = react_apps()
    fastapi_apps = []  # noqa: RUF012


if {"api-server", "standalone"} & set(sys.argv):  # no other process serves pages
    from usage_ledger.airflow.page.app import PREFIX, app
    from usage_ledger.airflow.store import keep_ports

    keep_ports()

    UsageLedgerPlugin.fastapi_apps = [{"app": app, "url_prefix": PREFIX, "name": "usage_ledger"}]
