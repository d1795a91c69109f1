UPDATE ops.connection SET retired_at = now() WHERE connection_id = %(connection_id)s AND retired_at IS NULL
