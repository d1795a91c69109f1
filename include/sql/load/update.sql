-- Rows whose content changed; equal rows are not touched.
UPDATE {table} AS current_rows
SET {assignments}
FROM {stage} AS staged
JOIN {changed} AS changed USING (usage_date, row_key)
WHERE current_rows.usage_date >= %(first)s AND current_rows.usage_date < %(end)s
    AND current_rows.tableoid = changed.part AND current_rows.ctid = changed.place AND NOT changed.is_gone
