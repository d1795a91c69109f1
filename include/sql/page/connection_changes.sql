-- What moved after it had been loaded, the newest first.
SELECT
    detected_on, usage_date, report, table_name, meter, currency, line_item, cause, breakdown, row_count, old, new,
    difference
FROM marts.restatements
WHERE connection_id = %(id)s AND meter NOT IN ('unit_price', 'quantity')
ORDER BY detected_on DESC, usage_date DESC, report, meter, currency, line_item
LIMIT 30
