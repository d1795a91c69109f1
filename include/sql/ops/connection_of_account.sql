SELECT connection_id
FROM ops.connection
WHERE provider = %(provider)s AND account_id = %(account_id)s AND retired_at IS NULL
