-- The states of the window's dates; no row for a date never tried.
SELECT usage_date, state, fetched_at, evidence
FROM ops.day
WHERE connection_id = %(connection_id)s AND report = %(report)s
    AND usage_date >= %(first)s AND usage_date < %(end)s
