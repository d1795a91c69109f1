-- What is known of the window's dates.
SELECT usage_date, state, fetched_at, evidence
FROM ops.day
WHERE connection_id = %(connection_id)s AND report = %(report)s
    AND usage_date >= %(first)s AND usage_date < %(end)s
