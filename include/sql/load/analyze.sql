-- What plans depend on; of the other columns nothing is asked.
ANALYZE {stage} (usage_date, row_key)
