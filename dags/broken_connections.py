"""Raises, when Airflow parses this Dag file, what is malformed: it shows under Import Errors in the UI."""

from usage_ledger.airflow.dag import broken_connections

if error := broken_connections():
    raise error
