-- Rows that the provider no longer reports.
DELETE FROM {table} AS standing
WHERE standing.connection_id = %(connection_id)s AND standing.report = %(report)s
    AND standing.usage_date = ANY(%(dates)s)
    AND NOT EXISTS (
        SELECT FROM {stage} AS staged
        WHERE staged.usage_date = standing.usage_date AND staged.row_key = standing.row_key
    )
