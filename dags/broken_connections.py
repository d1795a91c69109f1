"""Raises, when Airflow parses this Dag file, what is malformed: it shows under Import Errors in the UI."""

from usage_ledger.airflow import raise_for_broken_files

raise_for_broken_files()
