UPDATE ops.load
SET state = %(state)s, declaration = %(declaration)s, row_count = %(row_count)s, sums = %(sums)s, error_class = NULL, error_message = NULL,
    ended_at = clock_timestamp()
WHERE load_id = %(load_id)s
