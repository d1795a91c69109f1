-- Rows that are new.
INSERT INTO {table} ({columns})
SELECT {columns}
FROM {stage} AS staged
WHERE staged.usage_date = ANY(%(dates)s)
    AND NOT EXISTS (
        SELECT FROM {table} AS standing
        WHERE standing.connection_id = %(connection_id)s AND standing.report = %(report)s
            AND standing.usage_date = staged.usage_date AND standing.row_key = staged.row_key
    )
ORDER BY staged.usage_date, staged.row_key
