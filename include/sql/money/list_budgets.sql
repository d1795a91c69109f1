SELECT *
FROM marts.budget_status
WHERE month >= (SELECT max(month) - interval '1 month' FROM marts.budget_status)
ORDER BY month DESC, name
