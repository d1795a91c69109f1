INSERT INTO ops.load (load_id, connection_id, report, window_from, window_to, state, declaration, run_id)
VALUES (%(load_id)s, %(connection_id)s, %(report)s, %(first)s, %(end)s, 'extracting', %(declaration)s, %(run_id)s)
