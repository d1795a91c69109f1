UPDATE ops.event SET closed_at = clock_timestamp()
WHERE connection_id = %(connection_id)s AND kind = 'bill_differs' AND closed_at IS NULL
    AND usage_date = ANY (%(dates)s)
