"""The Usage page's views: what they ask the marts, and the HTML that they make of it. Nothing here knows Airflow."""
