INSERT INTO ops.event (connection_id, report, usage_date, kind, severity, message, next_step, load_id)
VALUES (%(connection_id)s, %(report)s, %(usage_date)s, %(kind)s, %(severity)s, %(message)s, %(next_step)s, %(load_id)s)
