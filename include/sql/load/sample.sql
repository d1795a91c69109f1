-- A small sample tells enough of a key.
ALTER TABLE {stage} ALTER COLUMN usage_date SET STATISTICS 10, ALTER COLUMN row_key SET STATISTICS 10
