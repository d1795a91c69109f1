-- Rows whose content changed; equal rows are not touched.
UPDATE {table} AS current_rows
SET {assignments}
FROM {stage} AS staged
JOIN {changed} AS changed USING (usage_date, row_key)
WHERE current_rows.connection_id = %(connection_id)s AND current_rows.report = %(report)s
    AND current_rows.usage_date >= %(first)s AND current_rows.usage_date < %(end)s
    AND changed.usage_date = current_rows.usage_date AND changed.row_key = current_rows.row_key
    AND NOT changed.is_new AND NOT changed.is_gone
