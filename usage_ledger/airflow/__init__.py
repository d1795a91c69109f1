"""All that knows Airflow: connection types, timetable, Dag factory, tasks, retry policy, listener, resolver."""
