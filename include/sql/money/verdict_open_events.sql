SELECT usage_date FROM ops.event
WHERE connection_id = %(connection_id)s AND kind = 'bill_differs' AND closed_at IS NULL
