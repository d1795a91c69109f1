SELECT connection_id FROM ops.connection WHERE connection_id = coalesce(%(connection_id)s, connection_id)
ORDER BY connection_id
