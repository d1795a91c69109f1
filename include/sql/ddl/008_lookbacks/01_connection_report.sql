-- How many days before the usage date a scheduled run reads again; null until the connection's next run.
ALTER TABLE ops.connection_report ADD COLUMN lookback_days integer
