-- Before rows yield: their sums, where those of the report that is the record from now on differ. `current_rows` are the
-- record before, `staged` the record after.
INSERT INTO ops.restatement (
    connection_id, report, usage_date, table_name, row_key, dimensions, meter, old, new,
    old_load_id, new_load_id, cause, detected_at, breakdown
)
SELECT %(connection_id)s, %(report)s, usage_date, %(table_name)s,
    md5('record/' || usage_type || '/' || currency)::uuid,
    jsonb_strip_nulls(jsonb_build_object('usage_type', nullif(usage_type, ''), 'currency', nullif(currency, ''))),
    changed.meter, changed.old, changed.new, NULL, %(load_id)s, 'record', %(fetched_at)s, ''
FROM (
    SELECT usage_date, usage_type, {currency} AS currency{sums}
    FROM {table} AS summed
    WHERE connection_id = %(connection_id)s AND report = ANY(%(yielding)s) AND usage_date = ANY(%(dates)s)
        AND breakdown = ''
    GROUP BY 1, 2, 3
) AS current_rows
JOIN (
    SELECT usage_date, usage_type, {currency} AS currency{sums}
    FROM {table} AS summed
    WHERE connection_id = %(connection_id)s AND report = %(report)s AND usage_date = ANY(%(dates)s)
        AND breakdown = ''
    GROUP BY 1, 2, 3
) AS staged USING (usage_date, usage_type, currency)
CROSS JOIN LATERAL (VALUES {meters}) AS changed (meter, old, new)
WHERE changed.meter <> 'unit_price' AND changed.old IS NOT NULL AND changed.old IS DISTINCT FROM changed.new
ON CONFLICT (connection_id, report, usage_date, table_name, row_key, meter, new_load_id) DO UPDATE SET
    old = EXCLUDED.old, new = EXCLUDED.new
RETURNING usage_date, trim(meter || ' ' || coalesce(dimensions ->> 'currency', '')), old, new
