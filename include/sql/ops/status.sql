-- One line a connection, or one connection's.
SELECT connection_id, provider, account_id, timezone, state, last_success_at, newest_loaded_date, missing_days, failed_days,
    held_days, last_error_message, open_events, newest_event, newest_event_next_step
FROM marts.connection_status
WHERE %(connection_id)s::text IS NULL OR connection_id = %(connection_id)s
ORDER BY connection_id
