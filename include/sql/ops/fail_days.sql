-- Dates that were never loaded become `failed`; a loaded date keeps saying what the ledger holds.
INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state)
SELECT %(connection_id)s, %(report)s, day::date, %(day_zone)s, 'failed'
FROM generate_series(%(first)s::date, %(end)s::date - 1, interval '1 day') AS day
ON CONFLICT (connection_id, report, usage_date) DO NOTHING
