-- Rows of each date: staged now, and in the ledger.
SELECT usage_date, sum(in_stage)::bigint, sum(in_ledger)::bigint
FROM (
    SELECT usage_date, 1 AS in_stage, 0 AS in_ledger FROM {stage}
    UNION ALL
    SELECT usage_date, 0, 1
    FROM {table}
    WHERE connection_id = %(connection_id)s AND report = %(report)s
        AND usage_date >= %(first)s AND usage_date < %(end)s
) AS counts
GROUP BY usage_date
