SELECT coalesce(sum(row_count), 0)::bigint
FROM ops.day
WHERE connection_id = %(connection_id)s AND report = %(report)s
    AND usage_date >= %(first)s AND usage_date < %(end)s
