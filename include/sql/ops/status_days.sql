-- Runs of dates in one state, newest first.
SELECT report, state, min(usage_date) AS first, max(usage_date) AS last, count(*) AS days, sum(row_count)::bigint AS rows,
    bool_and(settled) AS settled
FROM (
    SELECT *, usage_date - (row_number() OVER (PARTITION BY report, state, settled ORDER BY usage_date))::integer AS island
    FROM marts.coverage
    WHERE connection_id = %(connection_id)s
) AS days
GROUP BY report, state, settled, island
ORDER BY report, first DESC
