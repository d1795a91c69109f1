INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state, load_id, fetched_at, row_count, settled, evidence)
VALUES (%(connection_id)s, %(report)s, %(usage_date)s, %(day_zone)s, %(state)s, %(load_id)s, %(fetched_at)s, %(row_count)s,
    %(settled)s, %(evidence)s)
ON CONFLICT (connection_id, report, usage_date) DO UPDATE SET
    day_zone = EXCLUDED.day_zone, state = EXCLUDED.state, load_id = EXCLUDED.load_id, fetched_at = EXCLUDED.fetched_at,
    row_count = EXCLUDED.row_count, settled = EXCLUDED.settled, evidence = EXCLUDED.evidence
