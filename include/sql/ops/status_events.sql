-- Recent events of a connection: open ones first, newest first.
SELECT at, closed_at, severity, report, usage_date, kind, message, next_step
FROM ops.event
WHERE connection_id = %(connection_id)s AND at > now() - interval '7 days'
ORDER BY closed_at IS NOT NULL, at DESC
LIMIT 10
