INSERT INTO ops.connection (connection_id, provider, account_id, timezone)
VALUES (%(connection_id)s, %(provider)s, %(account_id)s, %(timezone)s)
ON CONFLICT (connection_id) DO UPDATE SET timezone = EXCLUDED.timezone, retired_at = NULL
WHERE ops.connection.timezone <> EXCLUDED.timezone OR ops.connection.retired_at IS NOT NULL
