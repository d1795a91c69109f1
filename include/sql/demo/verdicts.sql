-- Whether each connection's bill equals what was metered: how many days have which verdict, and the money.
SELECT
    connection_id, currency, count(*) FILTER (WHERE verdict = 'reconciled') AS reconciled,
    count(*) FILTER (WHERE verdict = 'explained') AS explained,
    nullif(count(*) FILTER (WHERE verdict IN ('within_bounds', 'unpriced')), 0) AS bounds_or_unpriced,
    nullif(count(*) FILTER (WHERE verdict = 'out_of_bounds'), 0) AS out_of_bounds,
    nullif(count(*) FILTER (WHERE verdict = 'unsettled'), 0) AS unsettled,
    sum(charged) FILTER (WHERE verdict <> 'unsettled') AS charged,
    sum(rated) FILTER (WHERE verdict <> 'unsettled') AS rated
FROM marts.reconciliation
WHERE connection_id = ANY(%(connections)s) AND usage_date BETWEEN %(first)s AND %(last)s AND verdict <> 'no_bill'
GROUP BY connection_id, currency
ORDER BY connection_id, currency
