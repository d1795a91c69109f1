-- Rows that are new.
INSERT INTO {table} ({columns})
SELECT {columns}
FROM {stage} AS staged
WHERE staged.usage_date = ANY(%(dates)s)
    AND NOT EXISTS (
        SELECT FROM {table} AS current_rows
        WHERE current_rows.connection_id = %(connection_id)s AND current_rows.report = %(report)s
            AND current_rows.usage_date = staged.usage_date AND current_rows.row_key = staged.row_key
    )
ORDER BY staged.usage_date, staged.row_key
