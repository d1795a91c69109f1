-- Recent events of a connection, newest first.
SELECT at, severity, report, usage_date, kind, message, next_step
FROM ops.event
WHERE connection_id = %(connection_id)s AND at > now() - interval '7 days'
ORDER BY at DESC
LIMIT 10
