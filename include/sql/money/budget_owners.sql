-- Every connection that a budget may name.
SELECT 'connection' AS kind, connection_id AS name FROM ops.connection
