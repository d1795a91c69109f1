-- What is said of a connection's days now, or was said at a time.
SELECT DISTINCT ON (usage_date, currency)
    usage_date, currency, verdict, charged, rated, residual, settled, blame, said_at
FROM ops.verdict
WHERE connection_id = %(connection_id)s AND usage_date BETWEEN %(first)s AND %(last)s
    AND said_at <= coalesce(%(as_of)s::timestamptz, 'infinity')
ORDER BY usage_date, currency, said_at DESC
