-- Dates that were never loaded become `failed`; a loaded date keeps saying what the ledger holds.
INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state)
SELECT %(connection_id)s, %(report)s, %(first)s::date + later, %(day_zone)s, 'failed'
FROM generate_series(0, %(end)s::date - %(first)s::date - 1) AS later
ON CONFLICT (connection_id, report, usage_date) DO NOTHING
