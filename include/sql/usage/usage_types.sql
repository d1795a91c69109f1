-- The usage types that a connection has rows of in a range of dates.
SELECT DISTINCT usage_type
FROM ledger.usage_daily
WHERE connection_id = %(connection_id)s AND breakdown = %(breakdown)s
    AND usage_date >= %(first)s AND usage_date < %(end)s
ORDER BY usage_type
