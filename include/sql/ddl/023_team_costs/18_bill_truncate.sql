CREATE TRIGGER note_truncate AFTER TRUNCATE ON ledger.cost_daily
FOR EACH STATEMENT EXECUTE FUNCTION ops.note_bill_truncated()
