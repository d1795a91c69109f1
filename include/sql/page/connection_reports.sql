SELECT
    report, state, since, until, last_success_at, last_error_at, last_error_class, last_error_message, lookback_days,
    settle_lag_days, first_date, newest_loaded_date, loaded_days, held_days, failed_days, missing_days
FROM marts.report_status
WHERE connection_id = %(id)s
ORDER BY state = 'ended', report
