-- How many of the standing rows have each meter.
SELECT {counts}
FROM {table} AS counted
WHERE connection_id = %(connection_id)s AND report = %(report)s AND usage_date >= %(first)s AND usage_date < %(end)s
