-- Rows that the provider no longer reports.
DELETE FROM {table} AS current_rows
WHERE current_rows.connection_id = %(connection_id)s AND current_rows.report = %(report)s
    AND current_rows.usage_date = ANY(%(dates)s)
    AND NOT EXISTS (
        SELECT FROM {stage} AS staged
        WHERE staged.usage_date = current_rows.usage_date AND staged.row_key = current_rows.row_key
    )
