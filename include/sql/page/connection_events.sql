-- The newest events, open ones first; with the kind of error that ended the attempt.
SELECT
    event.at, event.report, event.usage_date, event.kind, event.severity, event.message, event.next_step,
    event.closed_at, event.open, event.run_id, attempt.error_class
FROM marts.events AS event
LEFT JOIN marts.loads AS attempt ON attempt.load_id = event.load_id AND attempt.connection_id = event.connection_id
WHERE event.connection_id = %(id)s
ORDER BY event.open DESC, event.at DESC
LIMIT 40
