-- The log of what a person must know: one row per event, of retired connections too. An event is open until the load
-- that mends it is in. What is said of one run or load is in marts.loads, by `load_id`.
-- at: When it was written.
-- connection_id: The connection.
-- provider: The vendor; null where the connection was never registered.
-- report: The endpoint that it is about; null where it is about the connection.
-- usage_date: The date that it is about; null where it is about no single one.
-- kind: What happened, in one word, such as vanished, date_failed, load_failed or rows_stopped: docs/troubleshoot.md.
-- severity: info, warning or error.
-- message: What happened, in a sentence.
-- next_step: What to do about it; '' where there is nothing to do.
-- load_id: The attempt that met it; null where none did.
-- run_id: The run of that attempt; null where there is none.
-- closed_at: When a later load mended it; null while it is open.
-- closed_by: That load; null while it is open, and where none had to mend it.
-- open: True while nothing has mended it and it is a warning or an error.
CREATE VIEW marts.events AS
SELECT
    event.at, event.connection_id, connection.provider, event.report, event.usage_date, event.kind, event.severity,
    event.message, event.next_step, event.load_id, attempt.run_id, event.closed_at, event.closed_by,
    event.closed_at IS NULL AND event.severity <> 'info' AS open
FROM ops.event AS event
LEFT JOIN ops.connection AS connection ON connection.connection_id = event.connection_id
LEFT JOIN ops.load AS attempt ON attempt.load_id = event.load_id
