"""The Usage page inside Airflow: its routes, behind Airflow's login and rights. The api-server alone imports it."""
