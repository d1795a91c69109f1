"""The Airflow Dag that says what somebody should hear of; see `usage_ledger.airflow.alerts`."""

from usage_ledger.airflow.alerts import build_alerts_dag

usage_alerts = build_alerts_dag()
