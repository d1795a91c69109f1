-- A value that the lookup list did not give is the one that the row has.
UPDATE {stage} AS staged
SET {column} = current_rows.{column}
FROM {table} AS current_rows
WHERE current_rows.connection_id = %(connection_id)s AND current_rows.report = %(report)s
    AND current_rows.usage_date = staged.usage_date AND current_rows.row_key = staged.row_key
    AND staged.{column} = '' AND current_rows.{column} <> ''
