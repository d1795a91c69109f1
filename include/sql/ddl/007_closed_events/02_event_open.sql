CREATE INDEX event_open ON ops.event (connection_id, report) WHERE closed_at IS NULL
