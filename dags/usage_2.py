"""A share of the connections: one daily Airflow Dag per file; see `usage_ledger.airflow.dag`."""

from usage_ledger.airflow.dag import build_dags

globals().update(build_dags(share=2))
