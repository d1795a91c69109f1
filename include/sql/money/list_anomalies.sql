SELECT *
FROM marts.anomalies
WHERE CASE WHEN %(every)s THEN amount_score IS NOT NULL ELSE anomaly END
ORDER BY usage_date DESC, scope, name, currency
