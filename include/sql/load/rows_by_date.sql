-- Rows of each date: staged now, and in the ledger.
SELECT usage_date, sum(staged)::bigint, sum(standing)::bigint
FROM (
    SELECT usage_date, 1 AS staged, 0 AS standing FROM {stage}
    UNION ALL
    SELECT usage_date, 0, 1
    FROM {table}
    WHERE connection_id = %(connection_id)s AND report = %(report)s
        AND usage_date >= %(first)s AND usage_date < %(end)s
) AS counted
GROUP BY usage_date
