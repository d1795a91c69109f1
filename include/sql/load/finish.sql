-- A load that left out failed dates says so.
UPDATE ops.load
SET state = %(state)s, declaration = %(declaration)s, row_count = %(row_count)s, sums = %(sums)s,
    error_class = %(error_class)s, error_message = %(error_message)s, ended_at = clock_timestamp()
WHERE load_id = %(load_id)s
