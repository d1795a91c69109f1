"""The local stack: embedded PostgreSQL, Airflow's four processes and the sandbox, in one folder of their own."""
