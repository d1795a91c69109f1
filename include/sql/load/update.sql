-- Rows whose content changed; equal rows are not touched.
UPDATE {table} AS current_rows
SET {assignments}
FROM {stage} AS staged
WHERE current_rows.connection_id = %(connection_id)s AND current_rows.report = %(report)s
    AND current_rows.usage_date = ANY(%(dates)s)
    AND staged.usage_date = current_rows.usage_date AND staged.row_key = current_rows.row_key
    AND ({current_content}) IS DISTINCT FROM ({staged_content})
