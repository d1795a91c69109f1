-- As `records`, of the connection's other reports: two ranges, so that an index need not pass the rows of this one.
SELECT usage_date, usage_type, report, {counts}
FROM {table} AS fact
WHERE connection_id = %(connection_id)s AND usage_date = ANY(%(dates)s) AND breakdown = ''
    AND (report < %(report)s OR report > %(report)s)
GROUP BY usage_date, usage_type, report
