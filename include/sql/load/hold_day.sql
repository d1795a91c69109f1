-- The date keeps its rows, if it has any, and says what came instead.
INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state, evidence)
VALUES (%(connection_id)s, %(report)s, %(usage_date)s, %(day_zone)s, 'held', %(evidence)s)
ON CONFLICT (connection_id, report, usage_date) DO UPDATE SET
    state = 'held', evidence = day.evidence || EXCLUDED.evidence
