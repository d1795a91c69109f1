"""One daily Airflow Dag per connection file; see `usage_ledger.airflow.dag`."""

from usage_ledger.airflow.dag import build_dags

globals().update(build_dags())
