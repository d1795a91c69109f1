-- Anomalies of the last five weeks.
SELECT
    anomaly.name, anomaly.usage_date AS period, anomaly.direction AS level, anomaly.currency, anomaly.amount AS figure,
    anomaly.expected,
    format('%%s %%s cost %%s %%s on %%s; a day of its kind costs %%s', anomaly.scope, anomaly.name,
        trim_scale(round(anomaly.amount, 2)), anomaly.currency, anomaly.usage_date,
        trim_scale(round(anomaly.expected, 2))) AS message,
    'compare its lines in marts.bill_lines with the days before' AS next_step,
    coalesce(team.notify, '{}') AS notify
FROM marts.anomalies AS anomaly
LEFT JOIN ledger.team AS team
    ON anomaly.scope = 'team' AND team.team = anomaly.name AND team.superseded_at IS NULL
WHERE anomaly.anomaly AND anomaly.scope = %(scope)s AND anomaly.usage_date > %(today)s::date - 35
