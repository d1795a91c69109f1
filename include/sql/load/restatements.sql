-- Before anything is changed: what differs from days that were loaded before, one row per key and meter.
INSERT INTO ops.restatement (
    connection_id, report, usage_date, table_name, row_key, dimensions, meter, old, new,
    old_load_id, new_load_id, cause, detected_at, breakdown
)
SELECT %(connection_id)s, %(report)s, day.usage_date, %(table_name)s, differing.row_key,
    (SELECT coalesce(jsonb_object_agg(dimension.key, dimension.value), '{{}}')
     FROM jsonb_each_text(jsonb_build_object({dimensions})) AS dimension
     WHERE dimension.value <> ''),
    changed.meter, changed.old, changed.new,
    coalesce(current_rows.load_id, day.load_id), %(load_id)s,
    CASE WHEN before.declaration IS DISTINCT FROM %(declaration)s THEN 'declaration' ELSE 'provider' END,
    %(fetched_at)s, coalesce(staged.breakdown, current_rows.breakdown)
FROM {changed} AS differing
LEFT JOIN {stage} AS staged USING (usage_date, row_key)
LEFT JOIN {table} AS current_rows ON current_rows.tableoid = differing.part AND current_rows.ctid = differing.place
    AND current_rows.usage_date >= %(first)s AND current_rows.usage_date < %(end)s
CROSS JOIN LATERAL (VALUES {meters}) AS changed (meter, old, new)
JOIN ops.day AS day ON day.connection_id = %(connection_id)s AND day.report = %(report)s
    AND day.usage_date = differing.usage_date
    AND day.state IN ('loaded', 'empty', 'held') AND coalesce(current_rows.load_id, day.load_id) IS NOT NULL
LEFT JOIN ops.load AS before ON before.load_id = day.load_id
WHERE differing.usage_date = ANY(%(dates)s) AND changed.old IS DISTINCT FROM changed.new
-- The same load again, read by a corrected declaration.
ON CONFLICT (connection_id, report, usage_date, table_name, row_key, meter, new_load_id) DO UPDATE SET
    new = EXCLUDED.new, cause = EXCLUDED.cause
