CREATE INDEX event_of_connection ON ops.event (connection_id, at)
