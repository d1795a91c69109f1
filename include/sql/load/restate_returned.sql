-- Before rows that had yielded are the record again: their sums, next to nothing before.
INSERT INTO ops.restatement (
    connection_id, report, usage_date, table_name, row_key, dimensions, meter, old, new,
    old_load_id, new_load_id, cause, detected_at, breakdown
)
SELECT %(connection_id)s, staged.report, staged.usage_date, %(table_name)s,
    md5('record/' || staged.usage_type || '/' || staged.currency)::uuid,
    jsonb_strip_nulls(jsonb_build_object('usage_type', nullif(staged.usage_type, ''), 'currency', nullif(staged.currency, ''))),
    changed.meter, NULL, changed.new, NULL, %(load_id)s, 'record', %(fetched_at)s, ''
FROM (
    SELECT report, usage_date, usage_type, {currency} AS currency{sums}
    FROM {table} AS summed
    WHERE connection_id = %(connection_id)s AND report = ANY(%(yielding)s) AND usage_date = ANY(%(dates)s)
        AND breakdown = report
        AND NOT EXISTS (
            SELECT FROM {table} AS preferred
            WHERE preferred.connection_id = %(connection_id)s AND preferred.report = %(report)s
                AND preferred.usage_date = summed.usage_date AND preferred.usage_type = summed.usage_type
                AND preferred.breakdown = ''
        )
    GROUP BY 1, 2, 3, 4
) AS staged
LEFT JOIN {table} AS current_rows ON false
CROSS JOIN LATERAL (VALUES {meters}) AS changed (meter, old, new)
WHERE changed.meter <> 'unit_price' AND changed.new IS NOT NULL
ON CONFLICT (connection_id, report, usage_date, table_name, row_key, meter, new_load_id) DO UPDATE SET
    new = EXCLUDED.new
