-- What each connection was charged per day, by currency.
SELECT connection_id, usage_date, currency, sum(amount) AS amount, bool_and(settled) AS settled
FROM marts.daily_cost
WHERE connection_id = ANY (%(ids)s) AND usage_date BETWEEN %(first)s AND %(last)s
GROUP BY connection_id, usage_date, currency
ORDER BY usage_date, connection_id, currency
