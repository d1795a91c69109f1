CREATE INDEX load_of_connection ON ops.load (connection_id, report, started_at)
