SELECT evidence ->> 'held_load_id'
FROM ops.day
WHERE connection_id = %(connection_id)s AND usage_date = %(usage_date)s AND state = 'held'
ORDER BY report
