-- Facts: what was metered and charged, one row per grain.
CREATE SCHEMA IF NOT EXISTS ledger
