-- An absent report is fetched no more, and what it met before is no error of now.
UPDATE ops.connection_report
SET lesser_form = %(lesser_form)s, absent = %(absent)s, refused_at = clock_timestamp(),
    until = CASE WHEN %(absent)s THEN now() ELSE until END,
    last_error_at = CASE WHEN %(absent)s THEN NULL ELSE last_error_at END,
    last_error_class = CASE WHEN %(absent)s THEN NULL ELSE last_error_class END,
    last_error_message = CASE WHEN %(absent)s THEN NULL ELSE last_error_message END
WHERE connection_id = %(connection_id)s AND report = %(report)s
