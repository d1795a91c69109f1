-- Rows of a window in the order of their key, in the form in which staged rows are sent, and of each whether it has
-- anything but what is the same in all staged rows.
COPY (
    SELECT {columns}, {differing}
    FROM {table}
    WHERE connection_id = %(connection_id)s AND report = %(report)s AND usage_date >= %(first)s AND usage_date < %(end)s
    ORDER BY usage_date, row_key
) TO STDOUT (FORMAT binary)
