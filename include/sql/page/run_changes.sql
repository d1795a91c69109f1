-- What a run changed in dates that were loaded before.
SELECT
    report, usage_date, table_name, meter, currency, breakdown, cause, row_count, old, new, difference
FROM marts.run_changes
WHERE connection_id = %(id)s AND run_id = %(run_id)s
ORDER BY usage_date DESC, report, table_name, meter, currency, breakdown
LIMIT 200
