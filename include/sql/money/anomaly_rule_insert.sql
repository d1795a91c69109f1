INSERT INTO ledger.anomaly_rule (score, at_least, settled_only, source_commit)
VALUES (%(score)s, %(at_least)s::jsonb, %(settled_only)s, %(source_commit)s)
