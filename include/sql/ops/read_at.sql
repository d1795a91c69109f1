SELECT usage_date, fetched_at
FROM ops.day
WHERE connection_id = %(connection_id)s AND report = %(report)s AND state <> 'failed' AND fetched_at IS NOT NULL
