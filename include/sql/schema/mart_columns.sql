-- The columns of every relation of schema marts in their order: names, and types as they are written.
SELECT
    relation.relname, array_agg(part.attname::text ORDER BY part.attnum),
    array_agg(
        format_type(part.atttypid, part.atttypmod)
        || CASE WHEN part.attcollation <> type.typcollation THEN ' COLLATE ' || part.attcollation::regcollation ELSE '' END
        ORDER BY part.attnum
    )
FROM pg_class AS relation
JOIN pg_attribute AS part ON part.attrelid = relation.oid AND part.attnum > 0 AND NOT part.attisdropped
JOIN pg_type AS type ON type.oid = part.atttypid
WHERE relation.relnamespace = 'marts'::regnamespace AND relation.relkind IN ('r', 'p', 'v', 'm', 'f')
GROUP BY relation.relname
