-- What was last recorded of each day's bill.
SELECT usage_date, currency, verdict, charged, rated, residual, blame
FROM marts.reconciliation
WHERE connection_id = %(id)s AND usage_date >= %(first)s
ORDER BY currency, usage_date
