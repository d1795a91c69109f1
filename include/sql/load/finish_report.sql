-- A load that succeeds ends its report's error, unless it left out a date: that is the report's error now. One that held
-- or left out a date loaded no whole window.
UPDATE ops.connection_report
SET last_success_at =
        CASE WHEN %(state)s = 'loaded' AND %(error_class)s::text IS NULL THEN clock_timestamp() ELSE last_success_at END,
    last_error_at = CASE WHEN %(error_class)s::text IS NOT NULL THEN clock_timestamp() END,
    last_error_class = %(error_class)s, last_error_message = %(error_message)s
WHERE connection_id = %(connection_id)s AND report = %(report)s
    AND (%(state)s IN ('loaded', 'held') OR %(error_class)s::text IS NOT NULL)
