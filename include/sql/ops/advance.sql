UPDATE ops.load
SET state = %(state)s, row_count = coalesce(%(row_count)s, row_count), sums = coalesce(%(sums)s, sums),
    error_class = NULL, error_message = NULL
WHERE load_id = %(load_id)s
