-- Dates that the ledger can speak of: loaded, empty or held.
SELECT usage_date
FROM ops.day
WHERE connection_id = %(connection_id)s AND report = %(report)s AND state <> 'failed'
    AND usage_date >= %(first)s AND usage_date < %(end)s
