SELECT to_regclass('ops.schema_part') IS NOT NULL
