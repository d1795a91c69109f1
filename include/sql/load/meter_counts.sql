-- How many current rows of the window have each meter.
SELECT {counts}
FROM {table} AS fact
WHERE connection_id = %(connection_id)s AND report = %(report)s AND usage_date >= %(first)s AND usage_date < %(end)s
