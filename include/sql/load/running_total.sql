INSERT INTO ops.running_total (connection_id, report, field, fetched_at, total, of_report, load_id)
VALUES (%(connection_id)s, %(report)s, %(field)s, %(fetched_at)s, %(total)s, %(of_report)s, %(load_id)s)
ON CONFLICT (connection_id, report, field, fetched_at) DO UPDATE SET
    total = EXCLUDED.total, of_report = EXCLUDED.of_report, load_id = EXCLUDED.load_id
