INSERT INTO ops.verdict_check (connection_id, checked_at) VALUES (%(connection_id)s, now())
ON CONFLICT (connection_id) DO UPDATE SET checked_at = excluded.checked_at
