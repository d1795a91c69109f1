-- Prices and owners of past dates may change too: what they change shows as a restatement.
ALTER TABLE ops.restatement
    DROP CONSTRAINT restatement_cause_check,
    ADD CONSTRAINT restatement_cause_check CHECK (cause IN ('provider', 'declaration', 'record', 'price', 'owner'))
