-- A date that was never loaded becomes `failed`; any other keeps its state and rows. Both say what is wrong with the
-- newest answer: a date that the ledger has a newer one of is left as it is.
INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state, evidence)
VALUES (%(connection_id)s, %(report)s, %(usage_date)s, %(day_zone)s, 'failed', %(evidence)s)
ON CONFLICT (connection_id, report, usage_date) DO UPDATE SET evidence = day.evidence || EXCLUDED.evidence
WHERE day.fetched_at IS NULL OR day.fetched_at <= %(fetched_at)s
