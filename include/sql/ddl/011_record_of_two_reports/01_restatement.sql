-- Another report is the record of a date: its sums may differ.
ALTER TABLE ops.restatement
    DROP CONSTRAINT restatement_cause_check,
    ADD CONSTRAINT restatement_cause_check CHECK (cause IN ('provider', 'declaration', 'record'))
