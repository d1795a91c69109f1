"""Registers the timetable, the listener and the Usage page with Airflow, by the package's entry point."""

import sys
from typing import Any

from usage_ledger.airflow.versions import require_airflow_version

require_airflow_version()  # before what another release of Airflow does not have

from airflow.plugins_manager import AirflowPlugin  # noqa: E402

from usage_ledger.airflow import listener  # noqa: E402
from usage_ledger.airflow.deadline import RunDue  # noqa: E402
from usage_ledger.airflow.page_places import react_apps  # noqa: E402
from usage_ledger.airflow.timetable import UsageDay  # noqa: E402


class UsageLedgerPlugin(AirflowPlugin):
    name = "usage_ledger"
    deadline_references = [RunDue]  # noqa: RUF012
    timetables = [UsageDay]  # noqa: RUF012  Airflow's own form
    listeners = [listener]  # noqa: RUF012
    react_apps = react_apps()
    fastapi_apps: list[dict[str, Any]] = []  # noqa: RUF012


if {"api-server", "standalone"} & set(sys.argv):  # no other process serves pages
    from usage_ledger.airflow.page.app import PREFIX, app
    from usage_ledger.airflow.store import keep_ports

    keep_ports()

    UsageLedgerPlugin.fastapi_apps = [{"app": app, "url_prefix": PREFIX, "name": "usage_ledger"}]
