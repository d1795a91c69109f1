-- How one connection fares, and how old its key is.
SELECT status.*, key.first_used_at, key.last_used_at
FROM marts.connection_status AS status
LEFT JOIN marts.credentials AS key USING (connection_id)
WHERE status.connection_id = %(id)s
