SELECT load_id::text, connection_id, report, window_from, window_to, state, fetched_at, manifest_uri, row_count, sums,
    declaration, error_class, error_message
FROM ops.load
WHERE load_id = %(load_id)s
