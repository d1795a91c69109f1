-- This month and the last one, by currency and basis: never added to one another.
SELECT
    currency, basis,
    sum(amount) FILTER (WHERE month = %(month)s) AS amount,
    sum(credits) FILTER (WHERE month = %(month)s) AS credits,
    sum(forecast) FILTER (WHERE month = %(month)s) AS forecast,
    count(*) FILTER (WHERE month = %(month)s AND forecast IS NULL) AS without_forecast,
    min(loaded_days) FILTER (WHERE month = %(month)s) AS least_days,
    max(loaded_days) FILTER (WHERE month = %(month)s) AS most_days,
    max(days) FILTER (WHERE month = %(month)s) AS days,
    sum(amount) FILTER (WHERE month = %(before)s) AS amount_before,
    bool_and(whole) FILTER (WHERE month = %(before)s) AS whole_before,
    min(loaded_days) FILTER (WHERE month = %(before)s) AS least_days_before,
    max(days) FILTER (WHERE month = %(before)s) AS days_before
FROM marts.monthly_spend
WHERE connection_id = ANY (%(ids)s) AND month IN (%(month)s, %(before)s)
GROUP BY currency, basis
ORDER BY amount DESC NULLS LAST, currency, basis
