"""The four steps, and the plan of which windows they take. Nothing here knows Airflow or a provider's name."""
