-- What the open events of a kind say: one finding a connection and date, with the newest message.
SELECT
    connection_id AS name, coalesce(usage_date, at::date) AS period, severity AS level, '' AS currency,
    NULL::numeric AS figure, NULL::numeric AS expected,
    (array_agg(message ORDER BY at DESC))[1]
        || CASE WHEN count(*) > 1 THEN format(' (and %%s more)', count(*) - 1) ELSE '' END AS message,
    (array_agg(next_step ORDER BY at DESC))[1] AS next_step, '{}'::text[] AS notify
FROM ops.event
WHERE kind = %(scope)s AND closed_at IS NULL AND severity <> 'info'
GROUP BY connection_id, coalesce(usage_date, at::date), severity
