-- The days of a connection whose bill differs, the money between, and the first line to blame.
SELECT usage_date, currency, residual, blame -> 0 ->> 'line', blame -> 0 ->> 'cause'
FROM marts.reconciliation
WHERE connection_id = %(connection_id)s AND verdict = 'out_of_bounds'
ORDER BY usage_date, currency
