-- Before anything is changed: what differs from days that were loaded before, one row per key and meter.
INSERT INTO ops.restatement (
    connection_id, report, usage_date, table_name, row_key, dimensions, meter, old, new,
    old_load_id, new_load_id, cause, detected_at, breakdown
)
SELECT %(connection_id)s, %(report)s, day.usage_date, %(table_name)s, row_key,
    (SELECT coalesce(jsonb_object_agg(dimension.key, dimension.value), '{{}}')
     FROM jsonb_each_text(jsonb_build_object({dimensions})) AS dimension
     WHERE dimension.value <> ''),
    changed.meter, changed.old, changed.new,
    coalesce(current_rows.load_id, day.load_id), %(load_id)s,
    CASE WHEN before.declaration IS DISTINCT FROM %(declaration)s THEN 'declaration' ELSE 'provider' END,
    %(fetched_at)s, coalesce(staged.breakdown, current_rows.breakdown)
FROM (
    SELECT * FROM {table}
    WHERE connection_id = %(connection_id)s AND report = %(report)s AND usage_date = ANY(%(dates)s)
) AS current_rows
FULL JOIN (SELECT * FROM {stage} WHERE usage_date = ANY(%(dates)s)) AS staged USING (usage_date, row_key)
CROSS JOIN LATERAL (VALUES {meters}) AS changed (meter, old, new)
JOIN ops.day AS day ON day.connection_id = %(connection_id)s AND day.report = %(report)s
    AND day.usage_date = coalesce(current_rows.usage_date, staged.usage_date)
    AND day.state IN ('loaded', 'empty', 'held') AND coalesce(current_rows.load_id, day.load_id) IS NOT NULL
LEFT JOIN ops.load AS before ON before.load_id = day.load_id
WHERE changed.old IS DISTINCT FROM changed.new
-- The same load again, read by a corrected declaration.
ON CONFLICT (connection_id, report, usage_date, table_name, row_key, meter, new_load_id) DO UPDATE SET
    new = EXCLUDED.new, cause = EXCLUDED.cause
