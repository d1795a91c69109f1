-- The columns that these tables have, with their types and defaults, and the triggers on them or on their partitions
-- but for those that note what makes team costs due.
SELECT contract_table.name, attribute.attname,
    format_type(attribute.atttypid, attribute.atttypmod),
    pg_get_expr(written.adbin, written.adrelid) AS on_default,
    NULL AS on_trigger
FROM unnest(%(tables)s::text[]) AS contract_table (name)
JOIN pg_attribute AS attribute ON attribute.attrelid = to_regclass(contract_table.name)
    AND attribute.attnum > 0 AND NOT attribute.attisdropped
LEFT JOIN pg_attrdef AS written ON written.adrelid = attribute.attrelid AND written.adnum = attribute.attnum
UNION ALL
SELECT contract_table.name, NULL, NULL, NULL, trigger.tgname
FROM unnest(%(tables)s::text[]) AS contract_table (name)
JOIN pg_trigger AS trigger ON NOT trigger.tgisinternal AND trigger.tgparentid = 0
    AND trigger.tgfoid::regproc::text <> ALL ('{ops.note_bill_change,ops.note_bill_truncated,ops.note_name_change}')
    AND (trigger.tgrelid = to_regclass(contract_table.name)
        OR trigger.tgrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(contract_table.name)))
