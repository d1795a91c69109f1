-- The attempts of a run, the newest window first.
SELECT
    load_id, report, first_date, last_date, state, started_at, ended_at, row_count, changed_rows, error_class,
    error_message
FROM marts.loads
WHERE connection_id = %(id)s AND run_id = %(run_id)s
ORDER BY report, first_date DESC, started_at DESC
LIMIT 2000
