-- Every team and connection that a budget may name.
SELECT 'connection' AS kind, connection_id AS name FROM ops.connection
UNION ALL
SELECT 'team', team FROM ledger.team WHERE superseded_at IS NULL
