-- The newest runs that the ledger knows of.
SELECT
    run_id, min(started_at) AS started_at, max(ended_at) AS ended_at, count(*) AS loads,
    count(*) FILTER (WHERE state = 'loaded') AS loaded, count(*) FILTER (WHERE state = 'held') AS held,
    count(*) FILTER (WHERE state = 'failed') AS failed, sum(row_count) FILTER (WHERE state IN ('loaded', 'held')) AS rows
FROM marts.loads
WHERE connection_id = %(id)s
GROUP BY run_id
ORDER BY started_at DESC
LIMIT 10
