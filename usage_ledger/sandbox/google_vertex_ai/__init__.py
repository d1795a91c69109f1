"""A stand-in for what Google serves of Vertex AI's use: the billing export through BigQuery, and Cloud Monitoring."""
