-- The columns that plans depend on.
ANALYZE {stage} (usage_date, row_key)
