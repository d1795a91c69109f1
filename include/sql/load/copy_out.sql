-- Rows of a window in the order of their key, in the form in which staged rows are sent.
COPY (
    SELECT {column}
    FROM {table}
    WHERE connection_id = current_setting('usage_ledger.connection_id')
        AND report = current_setting('usage_ledger.report')
        AND usage_date >= current_setting('usage_ledger.first')::date
        AND usage_date < current_setting('usage_ledger.end')::date
    ORDER BY usage_date, row_key
) TO STDOUT (FORMAT binary)
