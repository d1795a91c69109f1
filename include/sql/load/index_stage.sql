-- As `index_changed`.
CREATE INDEX ON {stage} (usage_date, row_key)
