-- Rows that are new.
INSERT INTO {table} ({columns})
SELECT {columns}
FROM {stage} AS staged
JOIN {changed} AS changed USING (usage_date, row_key)
WHERE changed.is_new
ORDER BY usage_date, row_key
