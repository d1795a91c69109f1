-- How late each figure of the record still changed, and whether the look-back covers it.
SELECT
    report, table_name, meter, currency, max(lookback_days) AS lookback_days, max(age_days) AS highest_age,
    sum(row_count) AS row_count, max(share_of_rows_after_lookback) AS share_after
FROM marts.restatement_lag
WHERE connection_id = %(id)s AND breakdown = ''
GROUP BY report, table_name, meter, currency
ORDER BY report, table_name, meter, currency
LIMIT 60
