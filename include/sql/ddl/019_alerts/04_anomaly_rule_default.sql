INSERT INTO ledger.anomaly_rule (score, at_least, settled_only, source_commit) VALUES (4, '{"USD": 50}', true, '')
