-- How every connection fares.
SELECT
    connection_id, provider, account_id, timezone, since, retired_at, state, last_success_at, newest_loaded_date,
    missing_days, failed_days, held_days, last_error_report, last_error_class, last_error_message, last_error_at,
    open_events, newest_event, newest_event_next_step, newest_event_at
FROM marts.connection_status
ORDER BY
    array_position(ARRAY['failing', 'held', 'behind', 'new', 'ok', 'retired'], state), connection_id
