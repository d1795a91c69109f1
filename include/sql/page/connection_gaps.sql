-- Runs of dates that are held, failed or missing, newest first.
SELECT report, state, min(usage_date) AS first, max(usage_date) AS last, count(*) AS days
FROM (
    SELECT
        report, state, usage_date,
        usage_date - (row_number() OVER (PARTITION BY report, state ORDER BY usage_date))::integer AS island
    FROM marts.coverage
    WHERE connection_id = %(id)s AND state IN ('held', 'failed', 'missing')
) AS dates
GROUP BY report, state, island
ORDER BY last DESC, report
LIMIT 50
