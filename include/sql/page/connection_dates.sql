-- The state of each date of each report since a date.
SELECT report, usage_date, state, row_count, settled
FROM marts.coverage
WHERE connection_id = %(id)s AND usage_date >= %(first)s
ORDER BY report, usage_date
