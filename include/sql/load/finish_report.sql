-- A load that succeeds ends its report's error; a held one loaded no whole window.
UPDATE ops.connection_report
SET last_success_at = CASE WHEN %(state)s = 'loaded' THEN clock_timestamp() ELSE last_success_at END,
    last_error_at = NULL, last_error_class = NULL, last_error_message = NULL
WHERE connection_id = %(connection_id)s AND report = %(report)s AND %(state)s IN ('loaded', 'held')
