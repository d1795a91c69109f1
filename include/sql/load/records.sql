-- How many rows of the record a report has of each meter, by date and usage type: this one, or the others of the connection.
SELECT usage_date, usage_type, report, {counts}
FROM {table} AS fact
WHERE connection_id = %(connection_id)s AND usage_date = ANY(%(dates)s) AND breakdown = ''
    AND (report = %(report)s) = %(own)s
GROUP BY usage_date, usage_type, report
