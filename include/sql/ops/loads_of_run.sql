-- The attempts of a run: those handed over by its extract, and those begun since; the newest last.
SELECT load_id::text, connection_id, report, window_from, window_to, state, fetched_at, manifest_uri, row_count, sums,
    declaration, error_class, error_message
FROM ops.load
WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s
    AND (started_at >= to_timestamp(%(since)s) OR load_id = ANY(%(load_ids)s::uuid[]))
ORDER BY started_at, load_id
