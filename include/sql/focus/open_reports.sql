-- The reports of money whose month is not whole: a date is missing, or its figures may still change.
SELECT month.connection_id, month.report, month.days, month.loaded_days, month.settled_days
FROM marts.monthly_coverage AS month
WHERE month.month = %(month)s AND NOT month.whole AND EXISTS (
    SELECT FROM ledger.cost_daily AS cost
    WHERE cost.connection_id = month.connection_id AND cost.report = month.report AND cost.breakdown = ''
)
ORDER BY month.connection_id, month.report
