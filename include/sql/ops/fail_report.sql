UPDATE ops.connection_report
SET last_error_at = clock_timestamp(), last_error_class = %(error_class)s, last_error_message = %(error_message)s
WHERE connection_id = %(connection_id)s AND report = %(report)s
