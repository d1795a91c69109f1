-- The few dates that a connection's state counts one by one.
CREATE INDEX day_unloaded ON ops.day (connection_id, report, usage_date) INCLUDE (state) WHERE state IN ('failed', 'held')
