UPDATE ledger.anomaly_rule SET superseded_at = clock_timestamp() WHERE superseded_at IS NULL
