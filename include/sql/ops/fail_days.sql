-- Dates that were never loaded become `failed`, and say why; a loaded date keeps saying what the ledger holds.
INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state, evidence)
SELECT %(connection_id)s, %(report)s, %(first)s::date + later, %(day_zone)s, 'failed', %(evidence)s::jsonb
FROM generate_series(0, %(end)s::date - %(first)s::date - 1) AS later
ON CONFLICT (connection_id, report, usage_date) DO UPDATE SET evidence = EXCLUDED.evidence
WHERE day.state = 'failed'
