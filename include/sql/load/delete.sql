-- Rows that the provider no longer reports.
DELETE FROM {table} AS current_rows
USING {changed} AS changed
WHERE current_rows.connection_id = %(connection_id)s AND current_rows.report = %(report)s
    AND current_rows.usage_date >= %(first)s AND current_rows.usage_date < %(end)s
    AND changed.usage_date = current_rows.usage_date AND changed.row_key = current_rows.row_key AND changed.is_gone
