-- How many rows of the record a report has of each meter, by date and usage type.
SELECT usage_date, usage_type, report, {counts}
FROM {table} AS fact
WHERE connection_id = %(connection_id)s AND usage_date = ANY(%(dates)s) AND breakdown = ''
    AND report = %(report)s
GROUP BY usage_date, usage_type, report
