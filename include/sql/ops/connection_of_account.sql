-- Other connections of the account: the active one, and a retired one whose rows a new connection would count again.
SELECT connection_id, retired_at IS NOT NULL AS retired
FROM ops.connection AS other
WHERE provider = %(provider)s AND account_id = %(account_id)s AND connection_id <> %(connection_id)s
    AND (retired_at IS NULL OR (
        EXISTS (SELECT FROM ops.day WHERE ops.day.connection_id = other.connection_id AND row_count > 0)
        AND NOT EXISTS (SELECT FROM ops.connection WHERE connection_id = %(connection_id)s)
    ))
