-- What was charged per day and currency: of the connections that cost most by name, of the others in one.
WITH daily AS (
    SELECT connection_id, usage_date, currency, sum(amount) AS amount, bool_and(settled) AS settled
    FROM marts.daily_cost
    WHERE connection_id = ANY (%(ids)s) AND usage_date BETWEEN %(first)s AND %(last)s
    GROUP BY connection_id, usage_date, currency
), ranked AS (
    SELECT
        connection_id, currency,
        row_number() OVER (PARTITION BY currency ORDER BY sum(amount) DESC, connection_id) <= %(most)s AS by_name
    FROM daily
    GROUP BY connection_id, currency
)
SELECT
    usage_date, currency, CASE WHEN by_name THEN connection_id ELSE %(others)s END AS series, sum(amount) AS amount,
    bool_and(settled) AS settled
FROM daily
JOIN ranked USING (connection_id, currency)
GROUP BY usage_date, currency, series
ORDER BY usage_date, currency, series
