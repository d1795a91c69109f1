-- The day before, when it has rows.
SELECT usage_date, row_count
FROM ops.day
WHERE connection_id = %(connection_id)s AND report = %(report)s
    AND usage_date = %(usage_date)s::date - 1 AND state = 'loaded'
