-- Rows whose content changed; equal rows are not touched.
UPDATE {table} AS standing
SET {assignments}
FROM {stage} AS staged
WHERE standing.connection_id = %(connection_id)s AND standing.report = %(report)s
    AND standing.usage_date = ANY(%(dates)s)
    AND staged.usage_date = standing.usage_date AND staged.row_key = standing.row_key
    AND ({standing_content}) IS DISTINCT FROM ({staged_content})
