-- Of each report of a connection: the newest date that is loaded or empty, and how many dates are held.
SELECT report, max(day_zone), max(usage_date) FILTER (WHERE state IN ('loaded', 'empty')) AS newest,
    count(*) FILTER (WHERE state = 'held') AS held
FROM ops.day
WHERE connection_id = %(connection_id)s
GROUP BY report
ORDER BY report
