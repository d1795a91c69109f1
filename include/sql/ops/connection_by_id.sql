SELECT provider, account_id, timezone,
    EXISTS (SELECT FROM ops.day WHERE ops.day.connection_id = ops.connection.connection_id AND row_count > 0)
FROM ops.connection
WHERE connection_id = %(connection_id)s
