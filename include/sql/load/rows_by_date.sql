-- Rows of each date: staged now, and in the ledger; and how many of those in the ledger have each meter.
SELECT usage_date, coalesce(staged.number, 0), coalesce(current_rows.number, 0){present}
FROM (SELECT usage_date, count(*) AS number FROM {stage} GROUP BY usage_date) AS staged
FULL JOIN (
    SELECT usage_date, count(*) AS number{counted}
    FROM {table}
    WHERE connection_id = %(connection_id)s AND report = %(report)s
        AND usage_date >= %(first)s AND usage_date < %(end)s
    GROUP BY usage_date
) AS current_rows USING (usage_date)
