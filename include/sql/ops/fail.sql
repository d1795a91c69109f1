-- A failed attempt. One that landed nothing is over, for the next try is an attempt of its own; later steps go on with
-- what was landed, unless only a person can mend it (`final`).
UPDATE ops.load
SET state = CASE WHEN %(final)s OR state = 'extracting' THEN 'failed' ELSE state END,
    error_class = %(error_class)s, error_message = %(error_message)s, ended_at = clock_timestamp()
WHERE load_id = %(load_id)s
