-- A key that is used again goes on, unless another one was used after it: then it is a new one since now.
INSERT INTO ops.credential (connection_id, deployment, tag)
VALUES (%(connection_id)s, %(deployment)s, %(tag)s)
ON CONFLICT (connection_id, deployment, tag) DO UPDATE SET
    first_used_at = CASE
        WHEN EXISTS (
            SELECT FROM ops.credential AS other
            WHERE other.connection_id = credential.connection_id AND other.deployment = credential.deployment
                AND other.last_used_at > credential.last_used_at
        ) THEN EXCLUDED.first_used_at
        ELSE credential.first_used_at
    END,
    last_used_at = EXCLUDED.last_used_at
