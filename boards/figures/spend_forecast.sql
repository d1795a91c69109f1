SELECT CASE WHEN bool_and(forecast IS NOT NULL) THEN sum(forecast) END
FROM marts.monthly_spend
WHERE month = date_trunc('month', current_date - 1) AND currency = %(currency)s
