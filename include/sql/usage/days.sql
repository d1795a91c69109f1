-- The state of every date of a range, of each of these reports that the connection fetches, or has dates of.
SELECT fetched.report, %(first)s::date + number AS usage_date, coalesce(day.state, 'missing') AS state,
    coalesce(day.settled, false) AS settled, day.day_zone
FROM ops.connection_report AS fetched
CROSS JOIN generate_series(0, %(end)s::date - %(first)s::date - 1) AS number
LEFT JOIN ops.day AS day
    ON day.connection_id = fetched.connection_id AND day.report = fetched.report
    AND day.usage_date = %(first)s::date + number
WHERE fetched.connection_id = %(connection_id)s AND fetched.report = ANY (%(reports)s)
    AND (fetched.until IS NULL OR day.state IS NOT NULL)
ORDER BY fetched.report, usage_date
