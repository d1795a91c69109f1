SELECT sum(amount)
FROM marts.daily_cost
WHERE date_trunc('month', usage_date) = date_trunc('month', current_date - 1) AND currency = %(currency)s
