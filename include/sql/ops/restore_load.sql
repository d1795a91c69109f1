-- Makes the row of a load that only raw storage has; an existing row keeps its state.
INSERT INTO ops.load (load_id, connection_id, report, window_from, window_to, state, fetched_at, manifest_uri, declaration,
    run_id, started_at)
VALUES (%(load_id)s, %(connection_id)s, %(report)s, %(first)s, %(end)s, 'landed', %(fetched_at)s, %(manifest_uri)s,
    %(declaration)s, %(run_id)s, %(fetched_at)s)
ON CONFLICT (load_id) DO UPDATE SET manifest_uri = EXCLUDED.manifest_uri, fetched_at = EXCLUDED.fetched_at
