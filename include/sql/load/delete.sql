-- Rows that the provider no longer reports.
DELETE FROM {table} AS current_rows
USING {changed} AS changed
WHERE current_rows.usage_date >= %(first)s AND current_rows.usage_date < %(end)s
    AND current_rows.tableoid = changed.part AND current_rows.ctid = changed.place AND changed.is_gone
