-- Rows and exact sums of every meter in the ledger, by date.
SELECT usage_date, {currency} AS currency, count(*){sums}
FROM {table} AS summed
WHERE connection_id = %(connection_id)s AND report = %(report)s AND usage_date = ANY(%(dates)s)
GROUP BY 1, 2
