-- Conflicts that are no more.
UPDATE ops.event AS event
SET closed_at = clock_timestamp()
WHERE event.kind = 'price_conflict' AND event.closed_at IS NULL AND NOT EXISTS (
    SELECT FROM jsonb_to_recordset(%(current)s) AS one (connection_id text, message text)
    WHERE one.connection_id = event.connection_id AND one.message = event.message
)
