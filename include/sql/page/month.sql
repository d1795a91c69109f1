-- A month's spend, by currency and basis: never added to one another.
SELECT
    currency, basis, sum(amount) AS amount, sum(credits) AS credits, sum(forecast) AS forecast,
    count(*) FILTER (WHERE forecast IS NULL) AS without_forecast, bool_and(whole) AS whole,
    min(loaded_days) AS least_days, max(loaded_days) AS most_days, max(days) AS days
FROM marts.monthly_spend
WHERE connection_id = ANY (%(ids)s) AND month = %(month)s
GROUP BY currency, basis
ORDER BY amount DESC, currency, basis
