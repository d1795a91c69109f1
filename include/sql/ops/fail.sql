-- A failed attempt. `final` tells a failure that only a person can mend from one that is tried again.
UPDATE ops.load
SET state = CASE WHEN %(final)s THEN 'failed' ELSE state END,
    error_class = %(error_class)s, error_message = %(error_message)s, ended_at = clock_timestamp()
WHERE load_id = %(load_id)s
