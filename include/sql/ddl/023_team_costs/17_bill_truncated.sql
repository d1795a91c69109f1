CREATE FUNCTION ops.note_bill_truncated() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM ledger.team_cost;
    DELETE FROM ops.team_cost_due;
    RETURN NULL;
END
$$
